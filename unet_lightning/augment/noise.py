"""Gaussian noise."""

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Len

from unet_lightning.augment.intensity import Intensity, Shape
from unet_lightning.augment.interval import interval
from unet_lightning.augment.warp import Probability


class GaussianNoise(Intensity):
    """Adds the same noise to all channels; its standard deviation is evenly distributed over the interval."""

    def __init__(
        self, probability: Probability, deviation: Annotated[Sequence[Annotated[float, Ge(0)]], Len(2, 2)]
    ) -> None:
        super().__init__(probability)
        self.deviation = interval(deviation)

    def draw(self, shape: Shape, random: np.random.Generator) -> Any:
        """(h, w) noise."""
        deviation = np.float32(random.uniform(*self.deviation))
        return deviation * random.standard_normal(shape[1:], np.float32)

    def change(self, image: Any, drawn: Any) -> Any:
        """(C, h, w) float32 with noise."""
        return image + drawn
