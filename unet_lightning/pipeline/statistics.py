"""Statistics of the training split, from one pass over its records."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from unet_lightning.pipeline.cache.entry import Summary


@dataclass(frozen=True)
class Statistics:
    """Statistics of the training records; grey values in the units of the files.

    class_pixels: number of pixels of each class, without ignored ones; class_image_pixels: for each class the number
    of pixels, without ignored ones, of the images in which it occurs.
    objects: number, and smallest, median and largest area in pixels, of instances or, without them, of connected
    foreground. mean, std: of all pixels of each channel that hold data. low, high: 1st and 99th percentile of each
    channel, mean over images. value_range: smallest and largest value of all. peaks: smallest and largest of the
    images' largest magnitudes, those of one value left out; empty where all are. min_size, max_size: (height, width).
    empty_share: of images that are background only.
    """

    images: int
    channels: int
    dtype: str
    class_pixels: list[int]
    class_image_pixels: list[int]
    objects: list[int]
    mean: list[float]
    std: list[float]
    low: list[float]
    high: list[float]
    value_range: list[float]
    peaks: list[float]
    min_size: list[int]
    max_size: list[int]
    empty_share: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a checkpoint."""
        return asdict(self)


def statistics(found: Sequence[Summary]) -> Statistics:
    """The statistics of all training images from the summary of each."""
    counts = np.stack([summary.counts for summary in found])
    occurs = counts > 0
    number = np.array([[summary.pixels] for summary in found])
    means, stds, lows, highs = np.stack([summary.moments for summary in found], 1)
    mean = (number * means).sum(0) / number.sum()
    square = (number * (stds**2 + means**2)).sum(0) / number.sum()
    ranges = np.array([summary.value_range for summary in found])  # (N, 2)
    peaks = np.abs(ranges[ranges[:, 0] < ranges[:, 1]]).max(1)
    sizes = np.array([summary.shape[:2] for summary in found])
    areas = np.concatenate([summary.areas for summary in found])
    spread = np.percentile(areas, (0, 50, 100)).astype(int).tolist() if len(areas) else [0, 0, 0]
    return Statistics(
        images=len(found),
        channels=means.shape[1],
        dtype=", ".join(sorted({summary.dtype for summary in found})),
        class_pixels=counts.sum(0).tolist(),
        class_image_pixels=(occurs * counts.sum(1, keepdims=True)).sum(0).tolist(),
        objects=[len(areas), *spread],
        mean=mean.tolist(),
        std=np.sqrt((square - mean**2).clip(0)).tolist(),
        low=lows.mean(0).tolist(),
        high=highs.mean(0).tolist(),
        value_range=[float(ranges[:, 0].min()), float(ranges[:, 1].max())],
        peaks=[float(peaks.min()), float(peaks.max())] if len(peaks) else [],
        min_size=sizes.min(0).tolist(),
        max_size=sizes.max(0).tolist(),
        empty_share=float(1 - occurs[:, 1:].any(1).mean()),
    )
