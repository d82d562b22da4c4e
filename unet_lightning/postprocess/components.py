"""Objects as connected pieces of foreground, the ridge between touching ones grown back."""

from typing import Annotated, Any

import cv2
import numba
import numpy as np
from annotated_types import Ge
from numpy.typing import NDArray
from scipy import ndimage

Pixels = Annotated[int, Ge(0)]


class Components:
    """Class ids (H, W) to objects (H, W) int32, 0 is background.

    smallest: pieces of fewer pixels are left out. fill_holes: whether holes in the foreground are filled first.
    ridge: width of the ridge that training cut from each of two touching objects; background pixels between two objects
    as close as that go back to the nearer one.
    """

    def __init__(self, smallest: Pixels, fill_holes: bool, ridge: Pixels) -> None:
        self.smallest, self.fill_holes, self.ridge = smallest, fill_holes, ridge

    def __call__(self, classes: NDArray[Any]) -> NDArray[np.int32]:
        """Every class but 0 is foreground."""
        foreground = classes > 0
        if self.fill_holes:
            foreground = ndimage.binary_fill_holes(foreground)  # type: ignore[attr-defined]
        labels = cv2.connectedComponents(foreground.astype(np.uint8), connectivity=8)[1].astype(np.int32)
        kept = np.bincount(labels.ravel()) >= self.smallest
        kept[0] = False
        labels = np.where(kept, np.cumsum(kept), 0)[labels].astype(np.int32)
        grown: NDArray[np.int32] = _grow_back(labels, self.ridge) if self.ridge else labels
        return grown


@numba.njit(cache=True, nogil=True)
def _grow_back(labels: Any, ridge: int) -> Any:
    """Give a background pixel that lies between two objects, along a row, column or diagonal, to the nearer one.

    Between: at most `ridge` pixels from one, and at most 2 ridge + 1 from it to the other on the opposite side.
    """
    height, width = labels.shape
    result = labels.copy()
    for y in range(height):
        for x in range(width):
            distance = ridge + 1
            for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, -1), (1, -1), (-1, 1)):
                if labels[y, x] == 0:
                    near, away = _first(labels, y, x, dy, dx, ridge)
                    if near and away < distance:
                        other, _ = _first(labels, y, x, -dy, -dx, 2 * ridge + 1 - away)
                        if other and other != near:
                            result[y, x], distance = near, away
    return result


@numba.njit(cache=True, nogil=True)
def _first(labels: Any, y: int, x: int, dy: int, dx: int, most: int) -> Any:
    """The first object in a direction and how many steps away it is; 0 when there is none within `most` steps."""
    for step in range(1, most + 1):
        v, u = y + step * dy, x + step * dx
        if v < 0 or u < 0 or v >= labels.shape[0] or u >= labels.shape[1]:
            break
        if labels[v, u]:
            return labels[v, u], step
    return 0, 0
