"""TIFF files: series, pages, axes, alpha."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unet_lightning.error import InputError
from unet_lightning.reading.failure import broken, refuse_claim
from unet_lightning.reading.guard import check_file

if TYPE_CHECKING:
    from tifffile import TiffFile

ALPHA = (1, 2)  # values of the tag ExtraSamples: associated and unassociated alpha (TIFF 6.0)


def count_pages(path: Path) -> int:
    """How many pictures a TIFF stack holds."""
    with open_tiff(path) as file:
        return len(file.pages)


def decode_tiff(path: Path, page: int | None = None) -> NDArray[Any]:
    """The first series of a TIFF or a page of it, channels last; without a page, stacks of pictures are refused."""
    with open_tiff(path) as file:
        try:
            series: Any = file.series[0] if page is None else file.pages[page]
            image: NDArray[Any] = series.asarray()
            axes: str = series.axes
        except Exception as error:  # tifffile raises many kinds for a broken file
            raise broken(path, error) from None
        alpha = alphas(series.keyframe)
    kept = [k for k, name in enumerate(axes) if name in "YXCS" or image.shape[k] > 1]
    image, axes = image.reshape([image.shape[k] for k in kept]), "".join(axes[k] for k in kept)
    channels = [k for k, name in enumerate(axes) if name in "CS"]
    if len(axes) - len(channels) != 2 or len(channels) > 1:
        raise strange_axes(path, axes, image.shape)
    image = np.moveaxis(image, channels[0], -1) if channels else image[..., None]
    return image[..., : image.shape[2] - alpha]


def open_tiff(path: Path) -> "TiffFile":
    """A TIFF, opened; InputError where it is none, is truncated or claims more pixels than it can hold."""
    import tifffile  # by those who read one

    check_file(path)
    try:
        file = tifffile.TiffFile(path)
        series = file.series[0]
        refuse_claim(path, int(np.prod(series.shape, dtype=object)), path.stat().st_size)
        pages = [page for page in series.pages if page is not None]
        last = max(a + b for page in pages for a, b in zip(page.dataoffsets, page.databytecounts, strict=True))
        if last > path.stat().st_size:
            raise broken(path, f"truncated after {path.stat().st_size} bytes of {last}")
    except InputError:
        raise
    except Exception as error:  # tifffile raises many kinds for a broken file
        raise broken(path, error) from None
    return file


def strange_axes(path: Path, axes: str, shape: tuple[int, ...]) -> InputError:
    """For axes that are no picture's."""
    return InputError(
        f"{path}: axes {axes} of {shape}; expected one picture of rows and columns (YX), with or without "
        "channels (CYX, YXS); write each picture of a stack to a file of its own"
    )


def alphas(page: Any) -> int:
    """How many channels a page of a TIFF declares as alpha."""
    return sum(kind in ALPHA for kind in page.extrasamples)
