"""One look at every record before training: what is wrong anywhere, and the numbers of the training split."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from unet_lightning.error import InputError
from unet_lightning.pipeline.store import Store
from unet_lightning.record import Record
from unet_lightning.sample import Sample

MOST = 20


@dataclass(frozen=True)
class Statistics:
    """Of the training records: channels, pixels of each class, mean and standard deviation of each channel (native),
    smallest and largest (height, width), and the share of images that are background only.
    """

    images: int
    channels: int
    class_pixels: list[int]
    mean: list[float]
    deviation: list[float]
    smallest: list[int]
    largest: list[int]
    empty_share: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a checkpoint."""
        return asdict(self)


def inspect(store: Store, records: Iterable[Record]) -> Statistics:
    """Read every record; InputError with all findings, else the statistics of the training split."""
    findings: list[str] = []
    channels: dict[int, str] = {}
    training = _Sums(len(store.dataset.classes))
    for record in records:
        try:
            sample = store[record]
        except InputError as error:
            findings.append(str(error))
            continue
        channels.setdefault(sample.image.shape[2], record.id)
        if record.split == "train":
            training.add(sample)
    if len(channels) > 1:
        seen = ", ".join(f"{n} in {name}" for n, name in channels.items())
        findings.append(f"images have different numbers of channels: {seen}; expected one number in the whole set")
    if findings:
        shown = findings[:MOST] + ([f"… and {len(findings) - MOST} more"] if len(findings) > MOST else [])
        raise InputError("\n".join(shown))
    return training.statistics()


class _Sums:
    """Running sums of one pass."""

    def __init__(self, classes: int) -> None:
        self.pixels = np.zeros(classes, np.int64)
        self.moments: list[tuple[int, np.ndarray[Any, Any], np.ndarray[Any, Any]]] = []
        self.sizes: list[tuple[int, ...]] = []
        self.empty = 0

    def add(self, sample: Sample) -> None:
        counts = np.bincount(sample.mask[sample.valid], minlength=len(self.pixels))
        self.pixels += counts
        self.empty += int(counts[1:].sum() == 0)
        image = sample.image
        mean, deviation = (f(axis=(0, 1), dtype=np.float64) for f in (image.mean, image.std))
        self.moments.append((sample.mask.size, mean, deviation))
        self.sizes.append(sample.mask.shape)

    def statistics(self) -> Statistics:
        number = np.array([n for n, _, _ in self.moments])[:, None]
        means, deviations = (np.array([row[k] for row in self.moments]) for k in (1, 2))
        mean = (number * means).sum(0) / number.sum()
        square = (number * (deviations**2 + means**2)).sum(0) / number.sum()
        sizes = np.array(self.sizes)
        return Statistics(
            images=len(self.sizes),
            channels=means.shape[1],
            class_pixels=self.pixels.tolist(),
            mean=mean.tolist(),
            deviation=np.sqrt((square - mean**2).clip(0)).tolist(),
            smallest=sizes.min(0).tolist(),
            largest=sizes.max(0).tolist(),
            empty_share=float(self.empty / len(self.sizes)),
        )
