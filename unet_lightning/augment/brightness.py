"""Brightness: all values times a factor."""

from typing import Any

import numpy as np

from unet_lightning.augment.intensity import Intensity, Shape
from unet_lightning.augment.interval import Factors, around_one, factors
from unet_lightning.augment.warp import Probability


class Brightness(Intensity):
    """Multiplies each channel by a factor of its own, as often above 1 as below."""

    def __init__(self, probability: Probability, factor: Factors) -> None:
        super().__init__(probability)
        self.factor = factors("factor", factor)

    def draw(self, shape: Shape, random: np.random.Generator) -> Any:
        """(C, 1, 1) factors."""
        return around_one(*self.factor, shape[0], random)

    def change(self, image: Any, drawn: Any) -> Any:
        """(C, h, w) float32, multiplied."""
        return image * drawn
