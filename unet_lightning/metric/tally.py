"""Pixels counted once by labelled and predicted number: scores of a selection of objects come from the counts alone."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_lightning.metric.overlap import COUNTED, Overlaps

Grown = tuple[NDArray[Any], NDArray[Any]]  # labelled and new predicted numbers of pixels, (N,) each


@dataclass(frozen=True)
class Tally:
    """How many pixels have a labelled number, row, and a predicted number, column, both 0 on background.

    rows, columns, counts (N,): int64, ordered by row, then column. ignored: the row of the pixels that aren't scored,
    larger than every labelled number. kinds (P,): the class of every predicted number.
    """

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    counts: NDArray[np.int64]
    ignored: int
    kinds: NDArray[Any]

    def overlaps(self) -> Overlaps:
        """The overlaps of labelled with predicted objects, those left out that `overlap.drop_ignored` leaves out."""
        valid, rows, columns, counts = self.rows < self.ignored, self.rows, self.columns, self.counts
        references = _sums(rows, counts * valid, self.ignored + 1)
        areas, scored = (_sums(columns, values, len(self.kinds)) for values in (counts, counts * valid))
        both = valid & (rows > 0) & (columns > 0)
        kept = areas - scored <= 0.5 * areas
        kept[columns[both & (counts > 0.5 * references[rows])]] = True
        partial = references[0] == 0
        predictions = np.where(kept, areas if partial else scored, 0)
        references[0] = predictions[0] = 0
        labelled, found = references > 0, predictions > 0
        both &= found[columns]
        row, column = np.cumsum(labelled) - 1, np.cumsum(found) - 1
        return Overlaps(references[labelled], predictions[found], row[rows[both]], column[columns[both]], counts[both])

    def selected(self, table: NDArray[np.int32], kinds: NDArray[np.uint8], grown: Grown | None = None) -> "Tally":
        """The tally after the predicted numbers were replaced by `table`, (P,), and objects `grown` over background.

        kinds: the class of every new number.
        """
        rows, columns, counts = self.rows, table[self.columns].astype(np.int64), self.counts
        if grown is not None:
            labels, numbers = grown
            one = np.ones(len(labels), np.int64)
            rows, columns = np.concatenate([rows, labels, labels]), np.concatenate([columns, numbers, 0 * one])
            counts = np.concatenate([counts, one, -one])
        cells, places = np.unique(rows * len(kinds) + columns, return_inverse=True)
        counts = _sums(places, counts, len(cells))
        cells, counts = cells[counts > 0], counts[counts > 0]
        return Tally(cells // len(kinds), cells % len(kinds), counts, self.ignored, kinds)

    def confusion(self, classes: int) -> NDArray[np.int64]:
        """(K, K) pixels by labelled and predicted class, of a tally whose labelled numbers are class ids."""
        valid = self.rows < self.ignored
        cells = self.rows[valid] * classes + self.kinds[self.columns[valid]]
        return _sums(cells, self.counts[valid], classes**2).reshape(classes, classes)


def tally(labels: NDArray[Any], ignored: int, numbers: NDArray[Any], kinds: NDArray[Any]) -> Tally:
    """Count the pixels of labelled and predicted numbers >= 0, both (H, W); labels are `ignored` where not scored."""
    size = (ignored + 1) * len(kinds)
    cells = labels.ravel() * np.int64(len(kinds)) + numbers.ravel()
    if size <= COUNTED * cells.size:
        table = np.bincount(cells, minlength=size)
        cells = np.flatnonzero(table)
        counts = table[cells]
    else:
        cells, counts = np.unique(cells, return_counts=True)
    return Tally(cells // len(kinds), cells % len(kinds), counts, ignored, kinds)


def _sums(places: NDArray[Any], values: NDArray[np.int64], number: int) -> NDArray[np.int64]:
    return np.bincount(places, values, number).astype(np.int64)
