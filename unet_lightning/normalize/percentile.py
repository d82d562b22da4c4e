"""Normalisation by percentiles of the image: robust against a few very bright or dark pixels."""

from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Le
from numpy.typing import NDArray

from unet_lightning.error import InputError
from unet_lightning.normalize import Affine, Normalize, affine

Percent = Annotated[float, Ge(0), Le(100)]


class Percentile(Normalize):
    """The `low` percentile of each channel to 0, the `high` one to 1; nothing is clipped."""

    def __init__(self, low: Percent, high: Percent) -> None:
        if low >= high:
            raise InputError(f"normalize.low={low} is not below normalize.high={high}; set them like 1 and 99.8")
        self.percents = (low, high)

    def describe(self) -> str:
        """In words."""
        return f"percentiles {self.percents[0]:g} and {self.percents[1]:g} of each channel of each image to 0 and 1"

    def __call__(self, image: NDArray[Any]) -> Affine:
        """Percentiles over the whole image; up to its largest value where both percentiles are the same."""
        low, high = np.percentile(image, self.percents, axis=(0, 1))
        width = np.where(high > low, high - low, image.max(axis=(0, 1)).astype(np.float64) - low)
        return affine(low, width)
