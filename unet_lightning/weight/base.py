"""Weights: how much each pixel counts in the loss, from its augmented labels.

The pipeline sets 0 where a label is ignored.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Weight(ABC):
    """Base class of all weights.

    reach: how many pixels around a crop the weight depends on. needs_objects: whether it uses instances; for a data
    set without them these are the connected components of the foreground of the whole image.
    """

    reach = 0
    needs_objects = False

    def fit(self, statistics: Mapping[str, Any]) -> None:  # noqa: B027
        """Take the needed numbers from the statistics of the training records, a dictionary; by default nothing."""

    @abstractmethod
    def describe(self) -> str:
        """The weight in words, after `fit`, for the summary before training."""

    @abstractmethod
    def __call__(
        self, mask: NDArray[np.uint8], instances: NDArray[np.int32] | None, random: np.random.Generator
    ) -> NDArray[np.float32]:
        """mask (H, W) class ids and instances (H, W), 0 background, to weights (H, W) float32, none negative."""
