"""What nnU-Net's rules ask of a data set: shapes, spacings, and the intensities of the foreground.

Isensee et al., Nature Methods 2021, https://doi.org/10.1038/s41592-020-01008-z.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FLAT = 999.0  # spacing across an image of two axes, which has no depth
DRAWS = 10**8  # intensities that are drawn from the foreground of a data set
SEED = 1234


@dataclass(frozen=True)
class Case:
    """One image, or one volume. image: (C, z, y, x). label: (z, y, x), 0 is background. spacing: (z, y, x), in mm."""

    image: NDArray[np.float32]
    label: NDArray[np.integer]
    spacing: tuple[float, float, float]

    def cropped(self) -> "Case":
        """Cut to the box of the voxels where any channel isn't 0; as it is where all are."""
        some = (self.image != 0).any(0)
        if not some.any():
            return self
        along = (some.any(tuple(other for other in range(3) if other != axis)).nonzero()[0] for axis in range(3))
        box = tuple(slice(int(places[0]), int(places[-1]) + 1) for places in along)
        return Case(self.image[(slice(None), *box)], self.label[box], self.spacing)


@dataclass(frozen=True)
class Intensities:
    """Intensities of the labelled voxels of one channel."""

    mean: float
    median: float
    std: float
    low: float  # the 0.5th percentile
    high: float  # the 99.5th


@dataclass(frozen=True)
class Fingerprint:
    """A data set in numbers.

    shapes, spacings: (N, 3), voxels and millimetres of each case after the crop to its non-zero voxels, in the order
    z, y, x; an image of two axes has the shape (1, y, x) and the spacing (999, 1, 1). channels: the name of each
    channel, which decides how it is normalised ("CT", "noNorm", "rescale_to_0_1", "rgb_to_0_1", any other name).
    labels: how many labels have a name, background and ignore included. crop_ratio: median over the cases of the share
    of voxels that the crop left.
    """

    shapes: NDArray[np.int64]
    spacings: NDArray[np.float64]
    channels: tuple[str, ...]
    labels: int
    crop_ratio: float = 1.0

    @property
    def cases(self) -> int:
        """How many cases there are."""
        return len(self.shapes)


def measure(cases: Iterable[Case], channels: tuple[str, ...], labels: int) -> Fingerprint:
    """The fingerprint of the cases, each of which is held in memory for a moment only."""
    shapes, spacings, ratios = [], [], []
    for case in cases:
        cropped = case.cropped()
        shapes.append(cropped.label.shape)
        spacings.append(case.spacing)
        ratios.append(cropped.label.size / case.label.size)
    return Fingerprint(np.array(shapes), np.array(spacings, float), channels, labels, float(np.median(ratios)))


def foreground_intensities(cases: Iterable[Case], number: int) -> list[Intensities]:
    """Intensities of each channel under the labels of `number` cases, each of which counts alike.

    As nnU-Net draws them: so many a case, with replacement, by a generator that starts anew with each case and runs on
    through its channels. Takes 4 bytes for each of 10^8 draws and channel.
    """
    drawn: list[list[NDArray[np.float32]]] = []
    for case in cases:
        cropped, random = case.cropped(), np.random.RandomState(SEED)
        inside = cropped.label > 0
        drawn = drawn or [[] for _ in case.image]
        if inside.any():
            for found, channel in zip(drawn, cropped.image, strict=True):
                found.append(random.choice(channel[inside], DRAWS // number, replace=True))
    pooled = (np.concatenate(found) if found else np.zeros(1, np.float32) for found in drawn)
    return [_summary(values) for values in pooled]


def _summary(values: NDArray[np.float32]) -> Intensities:
    low, median, high = np.percentile(values, (0.5, 50, 99.5))
    return Intensities(float(np.mean(values)), float(median), float(np.std(values)), float(low), float(high))
