"""Several weights, multiplied."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_lightning.weight.base import Weight


class Product(Weight):
    """The product of its factors, pixel by pixel."""

    def __init__(self, factors: Mapping[str, Weight]) -> None:
        self.factors = dict(factors)
        self.reach = max(weight.reach for weight in factors.values())
        self.needs_objects = any(weight.needs_objects for weight in factors.values())

    def fit(self, statistics: Mapping[str, Any]) -> None:
        """Pass the statistics on to every factor."""
        for weight in self.factors.values():
            weight.fit(statistics)

    def describe(self) -> str:
        """All factors in words."""
        return " times ".join(weight.describe() for weight in self.factors.values())

    def __call__(
        self, mask: NDArray[np.uint8], instances: NDArray[np.int32] | None, random: np.random.Generator
    ) -> NDArray[np.float32]:
        """mask and instances (H, W) to weights (H, W)."""
        product = np.ones(mask.shape, np.float32)
        for weight in self.factors.values():
            product *= weight(mask, instances, random)
        return product
