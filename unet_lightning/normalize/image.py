"""Normalisation by the image's own mean and standard deviation (z-score)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


class Image:
    """Each channel of each image to mean 0 and standard deviation 1, measured over the whole image, never a tile."""

    def __call__(self, image: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """image (H, W, C) native to (shift, scale), each (C,); a constant channel is only shifted."""
        deviation = image.std(axis=(0, 1), dtype=np.float64)
        scale = np.where(deviation > 0, deviation, 1.0)
        return image.mean(axis=(0, 1), dtype=np.float64).astype(np.float32), scale.astype(np.float32)
