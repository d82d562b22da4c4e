"""The table of overlaps between labelled and predicted objects, from which all object scores are computed.

reference, prediction: (H, W) integers, 0 is background and every other number an object, in any order.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

COUNTED = 4  # up to this many entries per pixel, counting in a table is faster than sorting


@dataclass(frozen=True)
class Overlaps:
    """Every pair of objects that share a pixel; objects are numbered 0, 1, … in the order of their labels.

    references (R,), predictions (P,): areas of all objects in pixels. rows, columns, shared (N,): for each pair the
    number of the reference, the number of the prediction and the number of pixels they share.
    """

    references: NDArray[np.int64]
    predictions: NDArray[np.int64]
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    shared: NDArray[np.int64]

    @cached_property
    def iou(self) -> NDArray[np.float64]:
        """Intersection over union of every pair, (N,)."""
        return self.shared / (self.references[self.rows] + self.predictions[self.columns] - self.shared)

    def selected(self, references: NDArray[np.bool_], predictions: NDArray[np.bool_]) -> "Overlaps":
        """The table of some of the objects alone, (R,) and (P,) bool, numbered anew in the same order."""
        both = references[self.rows] & predictions[self.columns]
        row, column = np.cumsum(references) - 1, np.cumsum(predictions) - 1
        pairs = row[self.rows[both]], column[self.columns[both]], self.shared[both]
        return Overlaps(self.references[references], self.predictions[predictions], *pairs)


def overlaps(reference: NDArray[Any], prediction: NDArray[Any]) -> Overlaps:
    """The table of overlaps; time and memory grow with the pixels, not with the square of the objects."""
    height, reference_of = renumber(reference)
    width, prediction_of = renumber(prediction)
    pair_of = reference_of * width + prediction_of
    if height * width <= COUNTED * pair_of.size:
        table = np.bincount(pair_of, minlength=height * width)
        pairs = np.flatnonzero(table)
        counts = table[pairs]
    else:
        pairs, counts = np.unique(pair_of, return_counts=True)
    rows, columns = pairs // width, pairs % width
    references = np.bincount(rows, counts, minlength=height).astype(np.int64)
    predictions = np.bincount(columns, counts, minlength=width).astype(np.int64)
    both = (rows > 0) & (columns > 0)
    return Overlaps(references[1:], predictions[1:], rows[both] - 1, columns[both] - 1, counts[both])


def renumber(labels: NDArray[Any]) -> tuple[int, NDArray[np.int64]]:
    """The number of different labels, 0 always included, and of each of N elements its label's rank 0, 1, …, (N,).

    labels: integers of any shape. Counts where the largest label is small enough; else sorts, which takes ten times as
    long.
    """
    flat = labels.ravel()
    if flat.size == 0 or flat.min() < 0 or flat.max() > COUNTED * flat.size:
        ids, places = np.unique(np.append(0, flat), return_inverse=True)
        return len(ids), places[1:]
    used = np.zeros(int(flat.max()) + 1, bool)
    used[flat] = used[0] = True
    return int(used.sum()), (np.cumsum(used) - 1)[flat]


def drop_ignored(reference: NDArray[Any], prediction: NDArray[Any], valid: NDArray[np.bool_]) -> NDArray[Any]:
    """The predicted objects (H, W) that are scored. valid: (H, W) bool, false on ignored pixels.

    A predicted object mostly on ignored pixels is left out, unless it covers more than half of a reference; of the
    others only the valid pixels are kept. Where no background pixel is valid, the image is annotated only partly: then
    the predicted objects keep their ignored pixels too, as the Cell Tracking Challenge scores them.
    """
    if valid.all():
        return prediction
    number, places = renumber(prediction)
    of = places.reshape(prediction.shape)  # (H, W)
    ignored = np.bincount(of[~valid], minlength=number) > 0.5 * np.bincount(places, minlength=number)
    found = overlaps(np.where(valid, reference, 0), prediction)
    covers = found.columns[found.shared > 0.5 * found.references[found.rows]] + 1
    kept = ~ignored
    kept[covers] = True
    partial = not (valid & (reference == 0)).any()
    return np.where(kept[of] & (valid | partial), prediction, 0)
