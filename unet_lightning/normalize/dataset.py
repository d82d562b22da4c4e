"""Normalisation by the mean and standard deviation of all training pixels."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_lightning.normalize.base import Affine, Normalize, affine


class DatasetZScore(Normalize):
    """The same shift and scale for every image: brightness differences between images are kept."""

    def __init__(self) -> None:
        self.numbers: Affine = (np.zeros(0, np.float32), np.ones(0, np.float32))  # until fit

    def fit(self, statistics: Mapping[str, Any]) -> None:
        """Keep the training split's mean and standard deviation of each channel."""
        self.numbers = affine(np.array(statistics["mean"]), np.array(statistics["std"]))

    def describe(self) -> str:
        """The stored numbers."""
        pairs = zip(*(numbers.tolist() for numbers in self.numbers), strict=True)
        return "(value - mean) / std: " + ", ".join(f"{m:.4g} / {d:.4g}" for m, d in pairs)

    def __call__(self, image: NDArray[Any]) -> Affine:
        """The stored numbers."""
        return self.numbers
