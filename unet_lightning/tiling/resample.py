"""Images on a coarser or finer grid of pixels."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


def new_shape(shape: tuple[int, ...], scale: tuple[float, float]) -> tuple[int, int]:
    """Height and width times the scale of each, rounded, at least 1 pixel."""
    height, width = (max(1, round(side * by)) for side, by in zip(shape[:2], scale, strict=True))
    return height, width


def resampled(image: NDArray[Any], shape: tuple[int, int]) -> NDArray[Any]:
    """(H, W, C) to (h, w, C) of the same dtype: means over areas where it shrinks, else linear; integers rounded."""
    height, width = shape
    kind = cv2.INTER_AREA if height * width < image.shape[0] * image.shape[1] else cv2.INTER_LINEAR
    channels = np.moveaxis(image.astype(np.float64), 2, 0)
    found = np.stack([cv2.resize(channel, (width, height), interpolation=kind) for channel in channels], axis=2)
    return (np.rint(found) if np.issubdtype(image.dtype, np.integer) else found).astype(image.dtype)


def nearest(array: NDArray[Any], shape: tuple[int, int]) -> NDArray[Any]:
    """(H, W) to (h, w), each from the pixel that its centre lies in."""
    rows, columns = (
        ((np.arange(new) + 0.5) * old / new).astype(int) for new, old in zip(shape, array.shape, strict=True)
    )
    return array[np.ix_(rows, columns)]
