"""Normalisation by the image's own mean and standard deviation (z-score)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_lightning.normalize import Affine, Normalize, affine


class Image(Normalize):
    """Each channel of each image to mean 0 and standard deviation 1; a constant channel is only shifted."""

    def describe(self) -> str:
        """In words."""
        return "each channel of each image to mean 0 and standard deviation 1"

    def __call__(self, image: NDArray[Any]) -> Affine:
        """Mean and standard deviation over the whole image."""
        return affine(image.mean(axis=(0, 1), dtype=np.float64), image.std(axis=(0, 1), dtype=np.float64))
