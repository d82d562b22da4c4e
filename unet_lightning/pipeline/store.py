"""Decoded samples, kept in memory as far as they fit; forked workers share them."""

import cv2
import numpy as np
from numpy.typing import NDArray

from unet_lightning.normalize import Affine, Normalize
from unet_lightning.record import DataSet, Record
from unet_lightning.sample import Sample

PLACES = 4096


class Store:
    """Reads a data set's records. What was read is kept until `cache_gb` are full; the rest is read again.

    What is measured on whole images, once, is kept beside them.
    """

    def __init__(self, dataset: DataSet, normalize: Normalize, cache_gb: float) -> None:
        self.dataset, self.normalize = dataset, normalize
        self.free = int(cache_gb * 2**30)
        self.kept: dict[Record, Sample] = {}
        self.affines: dict[Record, Affine] = {}
        self.spans: dict[Record, tuple[float, float]] = {}
        self.pieces: dict[Record, NDArray[np.int32]] = {}
        self.places: dict[Record, dict[int, NDArray[np.intp]]] = {}

    def __getitem__(self, record: Record) -> Sample:
        """The native sample of a record."""
        if record in self.kept:
            return self.kept[record]
        sample = self.dataset.read(record)
        if sample.nbytes <= self.free:
            self.free -= sample.nbytes
            self.kept[record] = sample
        return sample

    def affine(self, record: Record) -> Affine:
        """Shift and scale that normalise a record's image, measured once."""
        if record not in self.affines:
            self.affines[record] = self.normalize(self[record].image)
        return self.affines[record]

    def objects(self, record: Record) -> NDArray[np.int32]:
        """(H, W) instances of a record, or of a set without them the connected pieces of its foreground."""
        sample = self[record]
        if sample.instances is not None:
            return sample.instances
        if record not in self.pieces:
            found = cv2.connectedComponents((sample.mask > 0).astype(np.uint8))[1]
            self.pieces[record] = found.astype(np.int32)
        return self.pieces[record]

    def span(self, record: Record) -> tuple[float, float]:
        """Smallest and largest value of a record's image."""
        if record not in self.spans:
            image = self[record].image
            self.spans[record] = (float(image.min()), float(image.max()))
        return self.spans[record]

    def foreground(self, record: Record) -> dict[int, NDArray[np.intp]]:
        """Where each class but 0 is: flat pixel positions, thinned evenly to a few thousand, found once."""
        if record not in self.places:
            sample = self[record]
            labels = np.where(sample.valid, sample.mask, 0).ravel()
            found = {int(k): np.flatnonzero(labels == k) for k in np.unique(labels) if k}
            self.places[record] = {k: where[:: -(-len(where) // PLACES)] for k, where in found.items()}
        return self.places[record]
