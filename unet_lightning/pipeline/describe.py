"""A short description of a data set for the terminal."""

from unet_lightning.error import printable
from unet_lightning.pipeline.statistics import Statistics
from unet_lightning.record import SPLITS, DataSet, split_hash


def describe_data(dataset: DataSet, statistics: Statistics) -> dict[str, str]:
    """Splits and sizes, classes, objects and grey values of a data set, one line each by name."""
    total = max(1, sum(statistics.class_pixels))
    shares = zip(dataset.classes, statistics.class_pixels, strict=True)
    number, smallest, median, largest = statistics.objects
    spans = zip(statistics.low, statistics.high, strict=True)
    sizes = " to ".join("x".join(map(str, size)) for size in (statistics.min_size, statistics.max_size))
    return {
        "data": ", ".join(f"{len(dataset.split(name))} {name}" for name in SPLITS)
        + f" images (split {split_hash(dataset.records)}), {sizes}, "
        + f"{statistics.channels} channels of {statistics.dtype}",
        "classes": ", ".join(f"{printable(name)} {100 * pixels / total:.2f} %" for name, pixels in shares)
        + f"; background only: {100 * statistics.empty_share:.0f} % of the training images",
        "objects": f"{number} in training, {smallest} to {largest} pixels, median {median}",
        "values": "1st to 99th percentile " + ", ".join(f"{low:.4g} to {high:.4g}" for low, high in spans),
    }
