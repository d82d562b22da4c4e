"""Normalisation by the image's own mean and standard deviation (z-score)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_lightning.normalize.base import Affine, Normalize, affine, row_bands


class ImageZScore(Normalize):
    """Each channel of each image to mean 0 and standard deviation 1; a constant channel is only shifted."""

    def describe(self) -> str:
        """The normalisation in words."""
        return "each channel of each image to mean 0 and standard deviation 1"

    def __call__(self, image: NDArray[Any]) -> Affine:
        """Mean and standard deviation over the whole image.

        Computed from bands of rows: the variance is the weighted mean, over bands, of a band's variance plus the
        squared difference between the band's mean and the mean of all.
        """
        parts = [
            (b.shape[0] * b.shape[1], b.mean((0, 1), np.float64), b.std((0, 1), np.float64)) for b in row_bands(image)
        ]
        pixels, means, stds = (np.array(column) for column in zip(*parts, strict=True))
        mean = np.average(means, axis=0, weights=pixels)
        variance = np.average(stds**2 + (means - mean) ** 2, axis=0, weights=pixels)
        return affine(mean, np.sqrt(variance))
