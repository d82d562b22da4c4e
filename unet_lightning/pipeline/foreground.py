"""Which crops are placed on a pixel of the foreground."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Foreground:
    """A share of the crops: each by chance, or with the size of a `batch` the last ones of every batch.

    The rule by batches is nnU-Net's (doi:10.1038/s41592-020-01008-z): of B crops those from round(B (1 - share)) on,
    halves rounded to the even number, so that with the share 0.33 no batch of two or more is without foreground.
    """

    share: float
    batch: int | None = None

    def applies(self, number: int, random: np.random.Generator) -> bool:
        """Whether sample `number` of an epoch is placed on the foreground; random: of its place."""
        if self.batch is None:
            return bool(random.uniform() < self.share)
        return number % self.batch >= round(self.batch * (1 - self.share))
