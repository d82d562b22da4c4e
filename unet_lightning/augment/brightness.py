"""Brightness: all values times a factor."""

import numpy as np

from unet_lightning.augment.intensity import Image, Intensity
from unet_lightning.augment.interval import Factors, around_one, factors
from unet_lightning.augment.warp import Probability


class Brightness(Intensity):
    """Multiplies each channel by a factor of its own, as often above 1 as below."""

    def __init__(self, probability: Probability, factor: Factors) -> None:
        super().__init__(probability)
        self.factor = factors("factor", factor)

    def change(self, image: Image, random: np.random.Generator) -> Image:
        """(C, h, w) float32, multiplied."""
        return image * around_one(*self.factor, len(image), random)
