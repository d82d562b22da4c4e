"""nnU-Net's configurations as a table for people."""

from collections.abc import Iterable, Mapping, Sequence

from unet_lightning.page.table import Table
from unet_lightning.plan.augmentation import rotation
from unet_lightning.plan.fingerprint import Intensities
from unet_lightning.plan.rules import Configuration, Rules, first_patch


def configuration_table(rules: Rules, title: str, intensities: Sequence[Intensities]) -> str:
    """Markdown: a column for each configuration, and how each channel is normalised."""
    names = list(rules.configurations)
    columns = [rows(configuration) for configuration in rules.configurations.values()]
    masked = ", of non-zero voxels" if any(rules.masked) else ""
    table = Table(
        title,
        ["", *names],
        [[row, *(column[row] for column in columns)] for row in columns[0]],
        f"Normalisation: {', '.join(rules.normalization)}{masked}. "
        f"Axes in the order {' '.join('zyx'[axis] for axis in rules.transpose)}.",
    )
    lines = [
        f"Channel {k}: cut off at {one.low:g} and {one.high:g}, minus {one.mean:g}, divided by {one.std:g}."
        for k, (one, scheme) in enumerate(zip(intensities, rules.normalization, strict=False))
        if scheme == "ct"
    ]
    return "\n".join([table.markdown(), *lines])


def rows(found: Configuration) -> Mapping[str, str]:
    """The lines of a configuration."""
    turned = rotation(found.topology.patch)
    return {
        "spacing": shape(found.spacing),
        "median image": shape(found.median),
        "first patch tried": shape(first_patch(found.spacing, found.median)),
        "patch": times(found.topology.patch),
        "batch": str(found.batch),
        "stages": str(len(found.channels)),
        "strides": ", ".join(map(times, found.topology.strides)),
        "kernels": ", ".join(map(times, found.topology.kernels)),
        "channels": ", ".join(map(str, found.channels)),
        "kept outputs, of those allowed": f"{found.elements / found.reference:.2f}",
        "Dice": "of the batch" if found.batch_dice else "of each image",
        "rotation": f"±{turned.degrees:g}°{', slice by slice' if turned.slicewise else ''}",
        "patch before rotation": times(turned.first_patch),
    }


def times(sizes: Iterable[object]) -> str:
    """Sizes as people write them."""
    return "x".join(map(str, sizes))


def shape(sizes: Iterable[float]) -> str:
    """Sizes that may be no whole numbers."""
    return times(f"{size:g}" for size in sizes)
