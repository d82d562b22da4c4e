"""Contrast: the distance of all values from their mean times a factor."""

import numpy as np

from unet_lightning.augment.intensity import Image, Intensity
from unet_lightning.augment.interval import Factors, around_one, factors
from unet_lightning.augment.warp import Probability


class Contrast(Intensity):
    """Spreads each channel about its mean by a factor of its own, as often above 1 as below, within its old range."""

    def __init__(self, probability: Probability, factor: Factors) -> None:
        super().__init__(probability)
        self.factor = factors("factor", factor)

    def change(self, image: Image, random: np.random.Generator) -> Image:
        """(C, h, w) float32, spread."""
        low, mean, high = (f(image, axis=(1, 2), keepdims=True) for f in (np.min, np.mean, np.max))
        spread: Image = (image - mean) * around_one(*self.factor, len(image), random) + mean
        return spread.clip(low, high)
