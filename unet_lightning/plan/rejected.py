"""What nnU-Net's rules considered for a data set and rejected, in words."""

import math
from collections.abc import Iterator

from unet_lightning.plan.rules import LEAST, LOW_SHARE, MASKED_BELOW, START, Configuration, Rules, coarser, first_patch
from unet_lightning.plan.table import shape, times


def rejected(rules: Rules, memory_gb: float, crop_ratio: float) -> str:
    """Markdown: a line for each. crop_ratio: median share of the voxels that the crop left."""
    lines = [f"- `{name}`: {line}" for name, found in rules.configurations.items() for line in _sizes(found, memory_gb)]
    lines += [f"- {line}" for line in (*_stages(rules), *_normalization(rules, crop_ratio))]
    return "\n".join(["## What was rejected", "", *lines, ""])


def _sizes(found: Configuration, memory_gb: float) -> Iterator[str]:
    """Patches and batches of a configuration."""
    first = first_patch(found.spacing, found.median)
    if all(size >= whole for size, whole in zip(first, found.median, strict=True)):
        begun = START[len(first)]
        yield f"a first patch of {begun} voxels, with which the rules begin: the median image is {shape(first)}"
    if found.too_large:
        tried = ", ".join(f"{times(patch)} ({share:.2f})" for patch, share in found.too_large)
        yield f"patches {tried}: in brackets, how many times the outputs that {memory_gb:g} GB hold"
    wanted = round(found.memory_batch)
    if found.batch < wanted:
        yield f"a batch of {wanted}, which the memory holds: at most {found.batch} by the number of voxels in the set"


def _stages(rules: Rules) -> Iterator[str]:
    """Configurations that aren't made."""
    full, low = rules.configurations.get("3d_fullres"), rules.configurations.get("3d_lowres")
    if full is None:
        yield "`3d_fullres`, `3d_lowres`: the images have no depth"
        return
    share = math.prod(full.topology.patch) / math.prod(full.median)
    yield "training `3d_fullres`: networks of volumes aren't trained here; the slices are, by `2d`"
    if low:
        yield "`3d_cascade_fullres`, which nnU-Net adds: `3d_fullres` that also reads what `3d_lowres` predicts"
    elif rules.dropped:
        fewer = coarser(full.spacing, full.median, rules.dropped)
        spacing = shape(round(size, 2) for size in rules.dropped.spacing)
        yield f"`3d_lowres` of spacing {spacing}: {fewer:.2f} times fewer voxels, expected {LEAST} times at least"
    else:
        yield f"`3d_lowres`: a patch sees {share:.0%} of the median volume; it is made below {LOW_SHARE:.0%}"


def _normalization(rules: Rules, crop_ratio: float) -> Iterator[str]:
    if "zscore" in rules.normalization and not any(rules.masked):
        yield (
            f"z-score of the non-zero voxels alone: the crop leaves {crop_ratio:.0%} of an image; it is used below "
            f"{MASKED_BELOW:.0%}"
        )
