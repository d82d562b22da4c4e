"""Decoded samples, kept in memory as far as they fit; forked workers share them."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_lightning.record import DataSet, Record
from unet_lightning.sample import Sample

Affine = tuple[NDArray[np.float32], NDArray[np.float32]]
Normalize = Callable[[NDArray[Any]], Affine]


class Store:
    """Reads a data set's records. What was read is kept until `cache_gb` are full; the rest is read again.

    normalize: a whole image (H, W, C) to its shift and scale, (C,) float32 each.
    """

    def __init__(self, dataset: DataSet, normalize: Normalize, cache_gb: float) -> None:
        self.dataset, self.normalize = dataset, normalize
        self.free = int(cache_gb * 2**30)
        self.kept: dict[str, Sample] = {}
        self.affines: dict[str, Affine] = {}

    def __getitem__(self, record: Record) -> Sample:
        """The native sample of a record."""
        if record.id in self.kept:
            return self.kept[record.id]
        sample = self.dataset.read(record)
        if sample.nbytes <= self.free:
            self.free -= sample.nbytes
            self.kept[record.id] = sample
        return sample

    def affine(self, record: Record) -> Affine:
        """Shift and scale that normalise a record's image, measured once."""
        if record.id not in self.affines:
            self.affines[record.id] = self.normalize(self[record].image)
        return self.affines[record.id]
