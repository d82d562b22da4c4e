"""What an input of prediction is: pages of pictures (H, W, C), decoded or read by slices."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from unet_lightning.reading.guard import reading
from unet_lightning.reading.image import KEPT
from unet_lightning.reading.pixel_size import PixelSize

Convert = Callable[[NDArray[Any]], NDArray[Any]]
CHANNEL_AXES = "CS"
MOST_CHANNELS = 32  # a picture is wider, or it has a name for each of its axes
SHARE = 0.25  # of the free memory: a larger page is read in parts


def fits_memory(nbytes: int) -> bool:
    """Whether a page, or the chunk of an array, may be held as a whole."""
    return bool(nbytes <= psutil.virtual_memory().available * SHARE)


def may_end_in_channels(shape: Sequence[int]) -> bool:
    """Whether the last axis of an array is so short that it may hold channels."""
    return shape[-1] < MOST_CHANNELS and shape[-1] < min(shape[:-1])


@dataclass(frozen=True)
class Source:
    """One input. shape: (pages, H, W, C). page: number to picture, an array or, of a lazy source, read by slices.

    stack: whether the input has pages. volume: whether their labels are written together at the end.
    tags: what `tifffile` is to write again into a TIFF of the same picture. pixel_size: where it is known. axes: the
    names and sizes of the axes that make its pages, the last one varies fastest; empty where they have no names. words:
    imagej or ome, where it is described so.
    """

    path: Path
    shape: tuple[int, int, int, int]
    itemsize: int
    page: Callable[[int], Any]
    lazy: bool = False
    stack: bool = False
    volume: bool = False
    tags: dict[str, Any] | None = None
    pixel_size: PixelSize | None = None
    axes: tuple[tuple[str, int], ...] = ()
    words: str = ""

    def place(self, page: int) -> dict[str, int]:
        """The place of a page along each named axis, from 0, such as {"t": 3, "z": 0}; empty without names."""
        numbers = np.unravel_index(page, [size for _, size in self.axes]) if self.axes else ()
        return {name: int(number) for (name, _), number in zip(self.axes, numbers, strict=True)}

    @property
    def nbytes(self) -> int:
        """Bytes of one decoded page."""
        return int(np.prod(self.shape[1:], dtype=np.int64)) * self.itemsize


class Plane:
    """One picture (H, W, C) of an array of more axes, read by slices of rows and columns.

    page: the place of the picture along the axes that aren't rows, columns or channels.
    convert: stored numbers (h, w, C') to what they mean, a masked array where some have no data.
    InputError, when it is read, for a file that is damaged there.
    """

    def __init__(
        self, path: Path, array: Any, axes: str, page: Sequence[Any], convert: Convert = np.asanyarray
    ) -> None:
        self.path, self.array, self.axes, self.convert = path, array, axes, convert
        numbers = iter(page)
        self.fixed = {name: int(next(numbers)) for name in axes if name not in f"YX{CHANNEL_AXES}"}
        sizes = dict(zip(axes, array.shape, strict=True))
        channels = next((sizes[name] for name in CHANNEL_AXES if name in sizes), 1)
        meant = np.asarray(convert(np.zeros((1, 1, channels), array.dtype)))
        self.shape = (sizes["Y"], sizes["X"], meant.shape[2])

    def __getitem__(self, key: Any) -> NDArray[Any]:
        rows, columns = key if isinstance(key, tuple) else (key, slice(None))
        places = {"Y": rows, "X": columns, **self.fixed}
        with reading(self.path):
            block = np.asarray(self.array[tuple(places.get(name, slice(None)) for name in self.axes)])
        left = [name for name in self.axes if name not in self.fixed]
        order = [left.index(name) for name in "YX"] + [k for k, name in enumerate(left) if name in CHANNEL_AXES]
        picture = block.transpose(order)
        picture = self.convert(picture if picture.ndim == 3 else picture[..., None])
        return picture if picture.dtype.name in KEPT else picture.astype(np.float32)
