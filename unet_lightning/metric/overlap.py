"""The table of overlaps, which serves all that compare objects.

reference, prediction: (H, W) integers, 0 is background and every other number an object, in any order.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

COUNTED = 4  # entries of a table for each pixel, up to which a table is faster than sorting


@dataclass(frozen=True)
class Overlaps:
    """Every pair of objects that share a pixel; objects are numbered 0, 1, … in the order of their labels.

    references, predictions: areas in pixels of all objects. rows, columns, shared: which reference and which prediction
    meet, and in how many pixels.
    """

    references: NDArray[np.int64]
    predictions: NDArray[np.int64]
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    shared: NDArray[np.int64]

    @cached_property
    def iou(self) -> NDArray[np.float64]:
        """Intersection over union of every pair that meets."""
        return self.shared / (self.references[self.rows] + self.predictions[self.columns] - self.shared)


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
    """How many labels there are, 0 always among them, and (N,) their places 0, 1, … in order, of labels of any shape.

    Counts where the largest label is small enough, and sorts otherwise, which takes ten times as long.
    """
    flat = labels.ravel()
    if flat.size == 0 or flat.min() < 0 or flat.max() > COUNTED * flat.size:
        ids, places = np.unique(np.append(0, flat), return_inverse=True)
        return len(ids), places[1:]
    used = np.zeros(int(flat.max()) + 1, bool)
    used[flat] = used[0] = True
    return int(used.sum()), (np.cumsum(used) - 1)[flat]


def drop_ignored(reference: NDArray[Any], prediction: NDArray[Any], valid: NDArray[np.bool_]) -> NDArray[Any]:
    """The prediction (H, W) without what counts nowhere, where valid (H, W) is false on ignored pixels.

    A predicted object mostly on ignored pixels is left out, unless it covers more than half of a reference; of the
    others only the valid pixels are kept. Where no background is valid, the annotation of the image is partial: then
    an object that covers a reference is kept whole, as the Cell Tracking Challenge scores it.
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
