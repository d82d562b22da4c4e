"""Random numbers that depend only on their purpose, the seed, the epoch and the number of the sample."""

from dataclasses import dataclass

import numpy as np

PURPOSES = (
    "order",
    "place",
    "warp",
    "spatial",
    "photometric",
    "weight",
    "dropout",
    "intensity",
)  # no two share any numbers


@dataclass(frozen=True)
class SampleKey:
    """Identifies sample `number` of an epoch; it determines all random numbers of the sample, in any process."""

    seed: int
    epoch: int
    number: int = 0

    def generator(self, purpose: str) -> np.random.Generator:
        """The same numbers each time; purpose: one of PURPOSES."""
        return np.random.default_rng([PURPOSES.index(purpose), self.seed, self.epoch, self.number])
