"""The numbers of the training split, from one pass over its records."""

from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from unet_lightning.sample import Sample


@dataclass(frozen=True)
class Statistics:
    """Of the training records, in native units.

    class_pixels: counting pixels of each class; class_image_pixels: those of all images in which it occurs.
    objects: number, and smallest, median and largest area in pixels, of instances or, without them, of connected
    foreground. mean, deviation: of all pixels of each channel. low, high: 1st and 99th percentile of each channel, mean
    over images. smallest, largest: (height, width). empty_share: of images that are background only.
    """

    images: int
    channels: int
    dtype: str
    class_pixels: list[int]
    class_image_pixels: list[int]
    objects: list[int]
    mean: list[float]
    deviation: list[float]
    low: list[float]
    high: list[float]
    smallest: list[int]
    largest: list[int]
    empty_share: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a checkpoint."""
        return asdict(self)


class Sums:
    """What one pass adds up."""

    def __init__(self, classes: int) -> None:
        self.pixels = np.zeros((2, classes), np.int64)  # of the class, and of the images where it occurs
        self.numbers: list[int] = []
        self.moments: list[list[NDArray[Any]]] = []
        self.sizes: list[tuple[int, ...]] = []
        self.areas: list[NDArray[Any]] = []
        self.dtypes: set[str] = set()
        self.empty = 0

    def add(self, sample: Sample) -> None:
        """One training sample."""
        counts = np.bincount(sample.mask[sample.valid], minlength=self.pixels.shape[1])
        self.pixels += np.stack([counts, (counts > 0) * counts.sum()])
        self.empty += int(counts[1:].sum() == 0)
        image = sample.image
        mean, deviation = (f(axis=(0, 1), dtype=np.float64) for f in (image.mean, image.std))
        low, high = np.percentile(image[::2, ::2], (1, 99), axis=(0, 1))
        self.moments.append([mean, deviation, low, high])
        self.numbers.append(sample.mask.size)
        self.sizes.append(sample.mask.shape)
        self.areas.append(areas(sample))
        self.dtypes.add(image.dtype.name)

    def statistics(self) -> Statistics:
        """The sums divided."""
        number = np.array(self.numbers)[:, None]
        means, deviations, lows, highs = (np.array(rows) for rows in zip(*self.moments, strict=True))
        mean = (number * means).sum(0) / number.sum()
        square = (number * (deviations**2 + means**2)).sum(0) / number.sum()
        sizes, found = np.array(self.sizes), np.concatenate(self.areas)
        spread = np.percentile(found, (0, 50, 100)).astype(int).tolist() if len(found) else [0, 0, 0]
        return Statistics(
            images=len(self.sizes),
            channels=means.shape[1],
            dtype=", ".join(sorted(self.dtypes)),
            class_pixels=self.pixels[0].tolist(),
            class_image_pixels=self.pixels[1].tolist(),
            objects=[len(found), *spread],
            mean=mean.tolist(),
            deviation=np.sqrt((square - mean**2).clip(0)).tolist(),
            low=lows.mean(0).tolist(),
            high=highs.mean(0).tolist(),
            smallest=sizes.min(0).tolist(),
            largest=sizes.max(0).tolist(),
            empty_share=self.empty / len(self.sizes),
        )


def areas(sample: Sample) -> NDArray[Any]:
    """(N,) pixels of each instance, or of each connected piece of foreground."""
    if sample.instances is not None:
        return np.unique(sample.instances[sample.instances > 0], return_counts=True)[1]
    return cv2.connectedComponentsWithStats((sample.mask > 0).astype(np.uint8))[2][1:, cv2.CC_STAT_AREA]
