"""The ridge: a thin line of background between touching cells, so that the target itself doesn't merge them."""

import cv2
import numpy as np
from numpy.typing import NDArray


def cut_ridge(mask: NDArray[np.uint8], instances: NDArray[np.int32], width: int) -> NDArray[np.uint8]:
    """The mask (H, W), set to background where another cell lies within `width` pixels along both axes.

    This removes `width` pixels from each of two touching cells; cells without a neighbour stay unchanged. instances:
    (H, W), 0 is background.

    >>> cut_ridge(np.ones((1, 6), np.uint8), np.array([[1, 1, 1, 2, 2, 2]], np.int32), width=1)
    array([[1, 1, 0, 0, 1, 1]], dtype=uint8)
    """
    if width == 0:
        return mask
    labels: NDArray[np.float64] = instances.astype(np.float64)  # (H, W)
    square = np.ones((2 * width + 1, 2 * width + 1), np.uint8)
    highest = cv2.dilate(labels, square)
    lowest = cv2.erode(np.where(labels == 0, np.inf, labels), square)  # of the cells, background left out
    close = (labels > 0) & ((highest != labels) | (lowest != labels))
    return np.where(close, np.uint8(0), mask)
