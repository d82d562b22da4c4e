"""Intervals from which numbers are drawn."""

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from annotated_types import Gt, Len
from numpy.typing import NDArray

from unet_lightning.error import InputError

Factors = Annotated[Sequence[Annotated[float, Gt(0)]], Len(2, 2)]  # smallest and largest


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Smallest and largest value; InputError where they stand the other way round."""
    low, high = values
    if low > high:
        raise InputError(f"[{low:g}, {high:g}] is no interval; write the smaller number first: [{high:g}, {low:g}]")
    return low, high


def factors(name: str, values: Sequence[float]) -> tuple[float, float]:
    """As `interval`, of what `around_one` draws; InputError, with the argument's name, where 1 lies outside."""
    low, high = interval(values)
    if not low <= 1 <= high:
        raise InputError(f"{name}=[{low:g}, {high:g}]: expected 1 between both: half are below, half above")
    return low, high


def around_one(low: float, high: float, channels: int, random: np.random.Generator) -> NDArray[np.float32]:
    """(C, 1, 1) factors, of each channel its own: half of them evenly between `low` and 1, half between 1 and `high`.

    Drawn evenly between `low` and `high`, more would lie above 1 than below.
    """
    below, above = random.uniform(low, 1, channels), random.uniform(1, high, channels)
    factors = np.where(random.uniform(size=channels) < 0.5, below, above)
    return factors.astype(np.float32)[:, None, None]  # (C, 1, 1)
