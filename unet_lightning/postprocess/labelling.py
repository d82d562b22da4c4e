"""Connected components of images of any size: labelled band by band and joined between bands by a union-find."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


class BandLabeller:
    """Connected components of one class each, found band by band; a union-find joins them between bands.

    holes: label the components of the background (4-connected) instead of those of the other classes (8-connected).
    Labels are assigned row by row, so that the smallest label of a component is that of its first pixel.
    """

    def __init__(self, shape: tuple[int, int], holes: bool = False) -> None:
        self.shape, self.holes = shape, holes
        self.parents: NDArray[Any] = np.zeros(1, np.int32)
        self.areas: NDArray[Any] = np.zeros(1, np.int64)
        self.classes: NDArray[Any] = np.zeros(
            1, np.uint8
        )  # of a hole: the class it lies in, 0 where it is open to the border
        self.above = (np.zeros(0, np.uint8), np.zeros(0, np.int32))  # the last row and its labels; empty at the top
        self.top = 0

    def add(self, band: NDArray[np.uint8]) -> NDArray[np.int32]:
        """Class ids (h, W) of the next rows to preliminary labels (h, W); `resolve` gives the final ones."""
        from unet_lightning.postprocess.kernels import label_band

        room = len(band) + int(np.count_nonzero(band[:, 1:] != band[:, :-1]))  # one begins where a row's class changes
        used = len(self.parents)
        self._resize(used + room)
        labels = np.zeros(band.shape, np.int32)
        used = label_band(band, labels, *self.above, self.holes, used, self.parents, self.areas, self.classes)
        self._resize(used)
        if self.holes:
            edges = [labels[:, 0], labels[:, -1]] + [labels[0]] * (self.top == 0)
            edges += [labels[-1]] * (self.top + len(band) == self.shape[0])
            self.classes[np.concatenate(edges)] = 0
        self.above, self.top = (band[-1].copy(), labels[-1].copy()), self.top + len(band)
        return labels

    def _resize(self, number: int) -> None:
        self.parents, self.areas, self.classes = (
            np.pad(array[:number], (0, max(0, number - len(array))))
            for array in (self.parents, self.areas, self.classes)
        )

    def resolve(self) -> NDArray[np.int32]:
        """For every preliminary label the smallest label of its component, (N,); completes `areas` and `classes`."""
        from unet_lightning.postprocess.kernels import find_roots

        roots: NDArray[np.int32] = find_roots(self.parents)
        self.areas = np.bincount(roots, self.areas, minlength=len(roots)).astype(np.int64)
        if self.holes:
            self.classes[roots[self.classes == 0]] = 0
        return roots
