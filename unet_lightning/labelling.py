"""Connected pieces of images of any size: labelled band by band, joined across the seams by a union-find."""

from collections.abc import Iterator
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray


class Labels:
    """Connected pieces of one class each, found band by band: a union-find that joins them across the bands.

    holes: label the pieces of background, joined by their sides, instead of those of the other classes, joined by their
    corners too. Labels are given out row by row, so that the smallest of a piece is that of its first pixel.
    """

    def __init__(self, shape: tuple[int, int], holes: bool = False) -> None:
        self.shape, self.holes = shape, holes
        self.parents: NDArray[Any] = np.zeros(1, np.int32)
        self.areas: NDArray[Any] = np.zeros(1, np.int64)
        self.classes: NDArray[Any] = np.zeros(
            1, np.uint8
        )  # of a hole: the class it lies in, 0 where it is open to the border
        self.above = (np.zeros(shape[1], np.uint8), np.zeros(shape[1], np.int32))
        self.top = 0

    def add(self, band: NDArray[np.uint8]) -> NDArray[np.int32]:
        """Class ids of the next rows to labels that are final after `resolve`."""
        room = len(band) + int(np.count_nonzero(band[:, 1:] != band[:, :-1]))  # one begins where a row's class changes
        used = len(self.parents)
        self._resize(used + room)
        labels = np.zeros(band.shape, np.int32)
        above = self.above if self.top else (np.zeros(0, np.uint8), np.zeros(0, np.int32))
        used = _label(band, labels, *above, self.holes, used, self.parents, self.areas, self.classes)
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
        """The first label of the piece that every label belongs to; areas and classes are then of whole pieces."""
        roots: NDArray[np.int32] = _roots(self.parents)
        self.areas = np.bincount(roots, self.areas, minlength=len(roots)).astype(np.int64)
        if self.holes:
            open_ones = np.unique(roots[self.classes == 0])
            self.classes[open_ones] = 0
        return roots


def bands(shape: tuple[int, ...], rows: int | None) -> Iterator[slice]:
    """Slices of at most `rows` rows; all rows at once for None."""
    step = rows or max(1, shape[0])
    return (slice(top, min(top + step, shape[0])) for top in range(0, shape[0], step))


@numba.njit(cache=True, nogil=True)
def _find(parents: Any, label: int) -> int:
    while parents[label] != label:
        parents[label] = parents[parents[label]]
        label = parents[label]
    return label


@numba.njit(cache=True, nogil=True)
def _roots(parents: Any) -> Any:
    roots = parents.copy()
    for label in range(len(roots)):  # a parent is never larger than its child
        roots[label] = roots[roots[label]]
    return roots


@numba.njit(cache=True, nogil=True)
def _label(
    band: Any,
    labels: Any,
    above: Any,
    labels_above: Any,
    holes: bool,
    used: int,
    parents: Any,
    areas: Any,
    classes: Any,
) -> int:
    """Label a band in place, given the row above it (empty at the top); how many labels are in use then."""
    height, width = band.shape
    for y in range(height):
        first = y == 0
        open_above = first and len(above) == 0
        row, row_labels = (above, labels_above) if first else (band[y - 1], labels[y - 1])
        for x in range(width):
            own = band[y, x]
            if (own == 0) != holes:
                continue
            label = 0
            if x > 0 and band[y, x - 1] == own:
                label = _find(parents, labels[y, x - 1])
            if not open_above:
                reach = 0 if holes else 1
                for u in range(max(0, x - reach), min(width, x + reach + 1)):
                    if row[u] == own:
                        other = _find(parents, row_labels[u])
                        if label == 0:
                            label = other
                        elif other < label:
                            parents[label] = other
                            label = other
                        elif label < other:
                            parents[other] = label
            if label == 0:
                label = used
                parents[label] = label
                classes[label] = own if not holes else (band[y, x - 1] if x > 0 else 0)
                used += 1
            labels[y, x] = label
            areas[label] += 1
    return used
