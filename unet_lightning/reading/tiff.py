"""TIFF files: series, pages, axes."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unet_lightning.reading.axes import channels_last, stated_axes
from unet_lightning.reading.failure import broken, refuse_claim
from unet_lightning.reading.guard import check_file, reading
from unet_lightning.reading.tiff_page import check_chain, check_page, converted, orientation
from unet_lightning.reading.upright import upright

if TYPE_CHECKING:
    from tifffile import TiffFile


def count_pages(path: Path) -> int:
    """How many pictures a TIFF stack holds."""
    with open_tiff(path) as file:
        return len(file.pages)


def decode_tiff(path: Path, page: int | None = None, numbers: bool = False, axes: str | None = None) -> NDArray[Any]:
    """The first series of a TIFF or a page of it, upright, channels last; without a page, stacks are refused.

    numbers: of a label: the indices of a palette, and alpha where the colour is constant. axes: `data.axes`, in place
    of what the file says. A masked array where pixels have no data.
    """
    with open_tiff(path) as file, reading(path):
        series: Any = file.series[0] if page is None else file.pages[page]
        keyframe = series.keyframe
        if page is not None:
            check_page(path, file.pages[page], path.stat().st_size)
        stated = stated_axes(path, series.shape, axes) if page is None else None
        image: NDArray[Any] = channels_last(path, series.asarray(), stated or series.axes)
        return upright(converted(image, keyframe, numbers), orientation(keyframe))


def open_tiff(path: Path) -> "TiffFile":
    """A TIFF, opened; InputError where it is none, is truncated or claims more pixels than it can hold."""
    import tifffile  # by those who read one

    check_file(path)
    with reading(path), ExitStack() as opened:
        file = opened.enter_context(tifffile.TiffFile(path))
        series, size = file.series[0], path.stat().st_size
        refuse_claim(path, int(np.prod(series.shape, dtype=object)), size)
        check_chain(path, file, size)
        for page in series.pages:
            if page is not None:
                check_page(path, page, size)
        if series.dataoffset is not None and series.dataoffset + series.nbytes > size:  # a stack in one piece
            raise broken(path, f"truncated after {size} bytes of {series.dataoffset + series.nbytes}")
        opened.pop_all()  # the caller closes it
    return file
