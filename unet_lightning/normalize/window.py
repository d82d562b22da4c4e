"""Normalisation by a fixed range, for instance a window of Hounsfield units."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_lightning.error import InputError
from unet_lightning.normalize.base import Affine, Normalize, affine


class Window(Normalize):
    """`low` to 0 and `high` to 1, in the image's own units; nothing is clipped."""

    def __init__(self, low: float, high: float) -> None:
        if low >= high:
            raise InputError(f"normalize.low={low} is not below normalize.high={high}; set them like 0 and 4095")
        self.low, self.high = low, high

    def describe(self) -> str:
        """The range."""
        return f"{self.low:g} to {self.high:g} becomes 0 to 1"

    def __call__(self, image: NDArray[Any]) -> Affine:
        """The same two numbers for every channel."""
        ones = np.ones(image.shape[2])
        return affine(self.low * ones, (self.high - self.low) * ones)
