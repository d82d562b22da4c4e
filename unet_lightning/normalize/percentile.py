"""Normalisation by percentiles of the image: robust against a few very bright or dark pixels."""

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Le
from numpy.typing import NDArray

from unet_lightning.error import InputError
from unet_lightning.normalize.base import Affine, Normalize, affine, row_bands

Percent = Annotated[float, Ge(0), Le(100)]


class Percentile(Normalize):
    """The `low` percentile of each channel to 0, the `high` one to 1; nothing is clipped."""

    def __init__(self, low: Percent, high: Percent) -> None:
        if low >= high:
            raise InputError(f"normalize.low={low} is not below normalize.high={high}; set them like 1 and 99.8")
        self.percents = (low, high)

    def describe(self) -> str:
        """The normalisation in words."""
        return f"percentiles {self.percents[0]:g} and {self.percents[1]:g} of each channel of each image to 0 and 1"

    def __call__(self, image: NDArray[Any]) -> Affine:
        """Percentiles over the whole image; where both are equal, the largest value stands for the high one."""
        low, high, largest = percentiles(image, (*self.percents, 100))
        return affine(low, np.where(high > low, high - low, largest - low))


def percentiles(image: Any, percents: Sequence[float]) -> NDArray[np.float64]:
    """(P, C) percentiles of each channel, between two values by straight lines; of an image of any size, exactly.

    Pixels without data are left out.
    """
    height, width, channels = image.shape
    whole = isinstance(image, np.ndarray) and not isinstance(image, np.ma.MaskedArray)
    number = height * width if whole else sum(band.shape[0] * band.shape[1] for band in row_bands(image))
    places = np.array(percents) / 100 * (number - 1)
    below = np.floor(places).astype(np.int64)
    above = np.minimum(below + 1, number - 1)
    found = np.empty((len(places), channels))
    for channel in range(channels):
        values = dict(zip((*below, *above), _ranked(image, channel, [*below, *above]), strict=True))
        low, high = (np.array([values[k] for k in ranks]) for ranks in (below, above))
        found[:, channel] = low + (places - below) * (high - low)
    return found


def _ranked(image: Any, channel: int, ranks: Sequence[int]) -> NDArray[np.float64]:
    """The values at these ranks of the sorted channel, (P,): by counting the upper, then the lower 16 of their bits."""
    upper = np.zeros(1 << 16, np.int64)
    for band in row_bands(image):
        upper += np.bincount(_ordered(band[..., channel]) >> 16, minlength=1 << 16)
    ends = np.cumsum(upper)
    halves = [int(np.searchsorted(ends, rank, side="right")) for rank in ranks]
    counts = {half: np.zeros(1 << 16, np.int64) for half in halves}
    for band in row_bands(image):
        keys = _ordered(band[..., channel])
        for half, count in counts.items():
            count += np.bincount(keys[keys >> 16 == half] & 0xFFFF, minlength=1 << 16)
    lowers = [
        np.searchsorted(np.cumsum(counts[half]), rank - (ends[half] - upper[half]), side="right")
        for half, rank in zip(halves, ranks, strict=True)
    ]
    ordered = (np.array(halves, np.uint32) << 16) | np.array(lowers, np.uint32)
    bits = np.where(ordered >> 31 == 1, ordered & 0x7FFFFFFF, ~ordered).astype(np.uint32)
    return bits.view(np.float32).astype(np.float64)


def _ordered(values: NDArray[Any]) -> NDArray[np.uint32]:
    """The bits of float32 numbers as whole numbers that sort in the same order; 8 and 16 bit integers are exact."""
    bits = np.ascontiguousarray(values, np.float32).ravel().view(np.uint32)
    return np.where(bits >> 31 == 1, ~bits, bits | 0x80000000).astype(np.uint32)
