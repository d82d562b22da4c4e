"""Augmentation by albumentations, seeded sample by sample."""

import os
from collections.abc import Mapping, Sequence
from math import ceil
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge
from numpy.typing import NDArray

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # else importing it asks the network for its version

import albumentations as A


class Augment:
    """Transforms of an image and its labels together; labels are resampled by nearest neighbour.

    spatial: transforms by name, in their order. context: how much further than the crop, as a share of its side, they
    reach: a rotation by any angle needs (sqrt(2) - 1) / 2 = 0.2072 on each side.
    """

    def __init__(self, spatial: Mapping[str, Any], context: Annotated[float, Ge(0)]) -> None:
        self.context = context
        self.compose = A.Compose(list(spatial.values())) if spatial else None

    def reach(self, side: int) -> int:
        """Pixels of context on each side of a crop of that side."""
        return ceil(self.context * side)

    def __call__(
        self, image: NDArray[Any], labels: Sequence[NDArray[Any]], seed: Sequence[int]
    ) -> tuple[NDArray[Any], list[NDArray[Any]]]:
        """image (H, W, C), labels (H, W) each; the same seed draws the same transforms in any process."""
        if self.compose is None:
            return image, list(labels)
        self.compose.set_random_seed(int(np.random.SeedSequence(list(seed)).generate_state(1)[0]))
        result = self.compose(image=image, masks=list(labels))
        return result["image"], list(result["masks"])
