"""Label images of any size, read a band of rows at a time."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

TOP, LEFT, BOTTOM, RIGHT = range(4)  # columns of `boxes`


def row_bands(shape: tuple[int, ...], rows: int | None) -> Iterator[slice]:
    """Slices of at most `rows` rows; all rows at once for None."""
    step = rows or max(1, shape[0])
    return (slice(top, min(top + step, shape[0])) for top in range(0, shape[0], step))


def boxes(objects: Any, number: int, rows: int | None) -> NDArray[np.int64]:
    """Bounding boxes of objects 0 to number - 1, (number, 4): top, left, bottom and right, the last two exclusive.

    objects: (H, W) numbers, an array or read by slices. The box of a number without pixels is (H, W, 0, 0); so is that
    of 0, the background.
    """
    from scipy.ndimage import find_objects  # type: ignore[attr-defined]

    height, width = objects.shape
    found = np.tile(np.array([height, width, 0, 0]), (number, 1))
    for here in row_bands(objects.shape, rows):
        for piece, box in enumerate(find_objects(np.asarray(objects[here])), 1):
            if box is not None:
                y, x = box
                old = found[piece]
                found[piece] = [
                    min(old[TOP], here.start + y.start),
                    min(old[LEFT], x.start),
                    max(old[BOTTOM], here.start + y.stop),
                    max(old[RIGHT], x.stop),
                ]
    return found
