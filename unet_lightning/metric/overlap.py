"""The table of overlaps, which serves all that compare objects.

reference, prediction: (H, W) integers, 0 is background and every other number an object, in any order.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray


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
    reference_ids, reference_of = np.unique(np.append(0, reference), return_inverse=True)
    prediction_ids, prediction_of = np.unique(np.append(0, prediction), return_inverse=True)
    width = len(prediction_ids)
    pairs, counts = np.unique(reference_of[1:] * width + prediction_of[1:], return_counts=True)
    rows, columns = pairs // width, pairs % width
    references = np.bincount(rows, counts, minlength=len(reference_ids)).astype(np.int64)
    predictions = np.bincount(columns, counts, minlength=width).astype(np.int64)
    both = (rows > 0) & (columns > 0)
    return Overlaps(references[1:], predictions[1:], rows[both] - 1, columns[both] - 1, counts[both])


def drop_ignored(reference: NDArray[Any], prediction: NDArray[Any], valid: NDArray[np.bool_]) -> NDArray[Any]:
    """The prediction (H, W) without what counts nowhere, where valid (H, W) is false on ignored pixels.

    A predicted object mostly on ignored pixels is left out, unless it covers more than half of a reference; of the
    others only the valid pixels are kept. Where no background is valid, the annotation of the image is partial: then
    an object that covers a reference is kept whole, as the Cell Tracking Challenge scores it.
    """
    if valid.all():
        return prediction
    ids, of = np.unique(np.append(0, prediction), return_inverse=True)
    of = of[1:].reshape(prediction.shape)
    ignored = np.bincount(of[~valid], minlength=len(ids)) > 0.5 * np.bincount(of.ravel(), minlength=len(ids))
    found = overlaps(np.where(valid, reference, 0), prediction)
    covers = found.columns[found.shared > 0.5 * found.references[found.rows]] + 1
    kept = ~ignored
    kept[covers] = True
    partial = not (valid & (reference == 0)).any()
    return np.where(kept[of] & (valid | partial), prediction, 0)
