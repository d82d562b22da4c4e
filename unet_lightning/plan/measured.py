"""What the plan for a given time measures on the labels: how large objects are, whether they touch, what is up."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from unet_lightning.pipeline.cache.store import Store
from unet_lightning.record import Record

MOST = 200  # images that are looked at, evenly spread
ALIKE = 5  # images from which on a class can be said to lie high or low


@dataclass(frozen=True)
class Measured:
    """Of the training images. Diameters, of circles of the objects' areas, in pixels; 0 without objects.

    instances: whether every image has instances. small, median, large: 10th, 50th and 90th percentile of the diameters.
    touching: share of the objects that touch another. tilt: how far the class that depends most on the vertical
    position lies above or below the middle, as a share of the height; 0 where none does reliably.
    """

    instances: bool
    small: float
    median: float
    large: float
    touching: float
    tilt: float


def measure_labels(store: Store, records: Sequence[Record]) -> Measured:
    """Look at up to 200 records, evenly spread."""
    chosen = [records[k] for k in np.unique(np.linspace(0, len(records) - 1, MOST).round().astype(int))]
    areas: list[NDArray[np.int64]] = []
    heights: list[NDArray[np.float64]] = []
    touched = objects = 0
    instances = True
    for record in chosen:
        entry = store.entry(record)
        areas.append(entry.areas)
        heights.append(mean_heights(entry.mask, entry.valid, len(store.dataset.classes)))
        if entry.instances is None:
            instances = False
        else:
            touched += len(touching(entry.instances))
            objects += int((entry.areas > 0).sum())
    joined = np.concatenate(areas)
    spread = np.percentile(joined, (10, 50, 90)) if len(joined) else np.zeros(3)
    small, median, large = (2 * sqrt(area / np.pi) for area in spread)
    share = touched / objects if objects else 0.0
    return Measured(instances, small, median, large, share, vertical_tilt(np.stack(heights)))


def touching(instances: NDArray[np.int32]) -> NDArray[np.int32]:
    """The numbers of the objects (H, W) that have a pixel beside, above or diagonal to one of another object."""
    height, width = instances.shape
    found = []
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        first = instances[: height - down, max(0, -right) : width - max(0, right)]
        second = instances[down:, max(0, right) : width - max(0, -right)]
        pairs = (first != second) & (first > 0) & (second > 0)
        found += [first[pairs], second[pairs]]
    return np.unique(np.concatenate(found))


def mean_heights(mask: NDArray[np.uint8], valid: NDArray[np.bool_], classes: int) -> NDArray[np.float64]:
    """(K,) mean row of the pixels of each class, 0 at the top and 1 at the bottom; nan for one that hardly occurs."""
    rows = (np.arange(len(mask)) + 0.5) / len(mask)
    counts = np.stack([((mask == kind) & valid).sum(1) for kind in range(classes)])  # (K, H)
    totals = counts.sum(1)
    enough = totals > 0.005 * mask.size
    return np.where(enough, (counts * rows).sum(1) / np.maximum(totals, 1), np.nan)


def vertical_tilt(heights: NDArray[np.float64]) -> float:
    """How far the class that depends most on the vertical position lies from the middle, on average over images.

    heights: (N, K) mean rows, nan where a class doesn't occur. A class counts from five images on, and where the mean
    is more than three standard errors from the middle.

    >>> sky, road = np.linspace(0.2, 0.3, 8), np.full(8, 0.5)
    >>> round(vertical_tilt(np.stack([sky, road], 1)), 2)
    0.25
    """
    found = [0.0]
    for column in heights.T:
        seen = column[~np.isnan(column)]
        if len(seen) < ALIKE:
            continue
        distance, error = abs(seen.mean() - 0.5), seen.std(ddof=1) / sqrt(len(seen))
        if distance > 3 * error:
            found.append(float(distance))
    return max(found)
