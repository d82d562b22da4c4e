"""Random numbers that depend on nothing but what they are for, the seed, the epoch and the draw."""

from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """What random numbers are for; no two streams share any."""

    ORDER = 0
    PLACE = 1
    WARP = 2
    SPATIAL = 3
    PHOTOMETRIC = 4
    WEIGHT = 5
    DROPOUT = 6


def generator(stream: Stream, seed: int, epoch: int, draw: int = 0) -> np.random.Generator:
    """The same numbers in any process."""
    return np.random.default_rng([stream, seed, epoch, draw])
