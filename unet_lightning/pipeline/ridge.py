"""The ridge: a thin line of background between touching cells, without which the target itself teaches merging."""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray


def cut_ridge(mask: NDArray[np.uint8], instances: NDArray[np.int32], width: int) -> NDArray[np.uint8]:
    """The mask (H, W) with background where a cell's pixel has another cell within `width` pixels along both axes.

    `width` pixels are taken from each of two touching cells; cells that touch nothing are left whole.
    """
    return mask if width == 0 else np.where(_close(instances, width), np.uint8(0), mask)


@numba.njit(cache=True, nogil=True)
def _close(instances: Any, width: int) -> Any:
    """(H, W) bool: a cell's pixel with another cell in the square of side 2 width + 1 around it."""
    height, length = instances.shape
    close = np.zeros((height, length), np.bool_)
    for y in range(height):
        for x in range(length):
            cell = instances[y, x]
            if cell == 0:
                continue
            for v in range(max(0, y - width), min(height, y + width + 1)):
                for u in range(max(0, x - width), min(length, x + width + 1)):
                    if instances[v, u] != 0 and instances[v, u] != cell:
                        close[y, x] = True
    return close
