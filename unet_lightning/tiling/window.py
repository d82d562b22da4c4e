"""Rectangles of an image, mirrored where they reach beyond its edge, and their sides."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def mirror_index(start: int, stop: int, size: int) -> NDArray[np.intp]:
    """Indices into an axis of `size` pixels for the positions start..stop-1, mirrored at both ends as often as needed.

    The outermost pixel isn't doubled: -1 reads 1, `size` reads size - 2. An axis of one pixel repeats it.

    >>> mirror_index(-2, 5, 4).tolist()
    [2, 1, 0, 1, 2, 3, 2]
    """
    period = max(1, 2 * (size - 1))
    position = np.abs(np.arange(start, stop)) % period
    return np.where(position < size, position, period - position)


def window(array: Any, top: int, left: int, height: int, width: int, channels_first: bool = False) -> Any:
    """A rectangle of an image, (height, width) or (height, width, C), mirrored where it lies beyond the image.

    array: NumPy array, tensor or any object that is read by slices, (H, W) or (H, W, C), or (..., H, W) with
    `channels_first`, which gives (..., height, width). Only the rectangle is read.
    """
    lead = (slice(None),) * (array.ndim - 2 if channels_first else 0)
    axes = list(zip((top, left), (height, width), array.shape[len(lead) :], strict=False))
    indices = [mirror_index(start, start + length, size) for start, length, size in axes]
    firsts = [int(index.min()) for index in indices]
    array = array[lead + tuple(slice(first, int(i.max()) + 1) for first, i in zip(firsts, indices, strict=True))]
    for axis, (start, length, size) in enumerate(axes):
        if start < 0 or start + length > size:
            array = array[(slice(None),) * (len(lead) + axis) + (indices[axis] - firsts[axis],)]
    return array


def inside(top: int, left: int, height: int, width: int, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """(height, width) bool: which pixels of a rectangle lie inside an image of shape (H, W)."""
    rows, columns = np.arange(top, top + height), np.arange(left, left + width)
    return np.outer((rows >= 0) & (rows < shape[0]), (columns >= 0) & (columns < shape[1]))


def sides_of(size: int | Sequence[int]) -> tuple[int, int]:
    """(height, width) of a crop or a tile, which for a square is one number."""
    height, width = (size, size) if isinstance(size, int) else size
    return height, width
