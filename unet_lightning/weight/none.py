"""The same weight for every pixel."""

import numpy as np
from numpy.typing import NDArray

from unet_lightning.weight.base import Weight


class Uniform(Weight):
    """Weight 1 everywhere."""

    def describe(self) -> str:
        """The weight in words."""
        return "every pixel has the same weight"

    def __call__(
        self, mask: NDArray[np.uint8], instances: NDArray[np.int32] | None, random: np.random.Generator
    ) -> NDArray[np.float32]:
        """mask (H, W) to ones (H, W)."""
        return np.ones(mask.shape, np.float32)
