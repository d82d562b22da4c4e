"""Weights: how much each pixel counts in the loss, from its augmented labels.

The pipeline sets 0 where a label is ignored.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Weight:
    """What every weight is. `reach`: how many pixels around a crop it looks at; `fit` sees the training statistics."""

    reach = 0

    def fit(self, statistics: Mapping[str, Any]) -> None:
        """Take what is needed from the plain statistics of the training records; nothing by default."""

    def describe(self) -> str:
        """What it does with these data, for the account before training."""
        return "every pixel counts alike"

    def __call__(
        self, mask: NDArray[np.uint8], instances: NDArray[np.int32] | None, random: np.random.Generator
    ) -> NDArray[np.float32]:
        """mask (H, W) class ids and instances (H, W), 0 background, to weights (H, W) float32, none negative."""
        raise NotImplementedError
