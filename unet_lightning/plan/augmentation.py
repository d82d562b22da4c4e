"""How far nnU-Net rotates the patches of a configuration, and how large they are read for that."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

OBLONG = 1.5  # a flat patch that many times as long as wide is only turned a little
THIN = 3  # a patch that many times as long as thick is turned slice by slice
SMALLEST_SCALE = 0.85


@dataclass(frozen=True)
class Rotation:
    """degrees: largest angle either way, about each axis. slicewise: whether a volume is deformed slice by slice.
    first_patch: voxels per axis that are read, so that a turned patch finds most of its corners.
    """

    degrees: float
    slicewise: bool
    first_patch: tuple[int, ...]


def rotation(patch: Sequence[int]) -> Rotation:
    """The rotation of patches of one size, (y, x) or (z, y, x)."""
    slicewise = len(patch) == 3 and max(patch) / patch[0] > THIN
    if slicewise:
        degrees = 180.0
    elif len(patch) == 2:
        degrees = 15.0 if max(patch) / min(patch) > OBLONG else 180.0
    else:
        degrees = 30.0
    turned = patch[1:] if slicewise else patch
    angle = math.radians(min(degrees, 90))
    grown = tuple(int(side / SMALLEST_SCALE) for side in _turned(turned, math.cos(angle), math.sin(angle)))
    return Rotation(degrees, slicewise, (patch[0], *grown) if slicewise else grown)


def _turned(patch: Sequence[int], cos: float, sin: float) -> list[float]:
    """Side of the box that the turned patch needs along each axis, turned about one axis at a time."""
    if len(patch) == 2:
        height, width = patch
        return [max(height, cos * height + sin * width), max(width, abs(cos * width - sin * height))]
    return [
        max(side, cos * side + sin * patch[(axis + 1) % 3], abs(cos * side - sin * patch[axis - 1]))
        for axis, side in enumerate(patch)
    ]
