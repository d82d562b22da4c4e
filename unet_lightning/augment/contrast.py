"""Contrast: the distance of all values from their mean times a factor."""

from typing import Any

import numpy as np

from unet_lightning.augment.intensity import Intensity, Shape, by_channel
from unet_lightning.augment.interval import Factors, around_one, factors
from unet_lightning.augment.warp import Probability


class Contrast(Intensity):
    """Spreads each channel about its mean by a factor of its own, as often above 1 as below, within its old range."""

    def __init__(self, probability: Probability, factor: Factors) -> None:
        super().__init__(probability)
        self.factor = factors("factor", factor)

    def draw(self, shape: Shape, random: np.random.Generator) -> Any:
        """(C, 1, 1) factors."""
        return around_one(*self.factor, shape[0], random)

    def change(self, image: Any, drawn: Any) -> Any:
        """(C, h, w) float32, spread."""
        low, mean, high = by_channel(image, "min", "mean", "max")
        return ((image - mean) * drawn + mean).clip(low, high)
