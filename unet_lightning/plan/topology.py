"""Which axes a network halves at which stage, and how large its kernels are: nnU-Net's rule for anisotropic images."""

from collections.abc import Sequence
from dataclasses import dataclass

SMALLEST = 4  # voxels that an axis keeps at the bottom of the network
ANISOTROPY = 2  # an axis whose spacing is that many times the smallest one isn't halved, nor mixed by a kernel


@dataclass(frozen=True)
class Topology:
    """A U-Net for patches of one size.

    patch: voxels per axis, padded to what the strides divide. strides, kernels: per stage, from the finest, and axis;
    the stride of a stage is that of its first convolution.
    """

    patch: tuple[int, ...]
    strides: tuple[tuple[int, ...], ...]
    kernels: tuple[tuple[int, ...], ...]

    @property
    def divisors(self) -> tuple[int, ...]:
        """By how much each axis is divided in all."""
        return tuple(2 ** sum(stride[axis] == 2 for stride in self.strides) for axis in range(len(self.patch)))


def find_topology(spacing: Sequence[float], size: Sequence[float]) -> Topology:
    """Halve the axes of finest spacing until they are small; spacing in millimetres, size in voxels, per axis."""
    axes = range(len(size))
    spacing, left = list(spacing), [float(n) for n in size]
    kernel = [1 for _ in axes]
    kernels: list[tuple[int, ...]] = []
    strides = [tuple(1 for _ in axes)]
    while halved := _halved(spacing, left):
        finest = min(spacing)
        kernel = [3 if spacing[axis] / finest < ANISOTROPY else kernel[axis] for axis in axes]
        kernels.append(tuple(kernel))
        strides.append(tuple(2 if axis in halved else 1 for axis in axes))
        left = [-(-n // 2) if axis in halved else n for axis, n in enumerate(left)]
        spacing = [2 * s if axis in halved else s for axis, s in enumerate(spacing)]
    kernels.append(tuple(3 for _ in axes))
    found = Topology(tuple(round(n) for n in size), tuple(strides), tuple(kernels))
    padded = tuple(-(-n // d) * d for n, d in zip(found.patch, found.divisors, strict=True))
    return Topology(padded, found.strides, found.kernels)


def _halved(spacing: Sequence[float], size: Sequence[float]) -> list[int]:
    """The axes that the next stage halves; none at the bottom."""
    large = [axis for axis, n in enumerate(size) if n >= 2 * SMALLEST]
    if not large:
        return []
    finest = min(spacing[axis] for axis in large)
    found = [axis for axis in large if spacing[axis] / finest < ANISOTROPY]
    return [] if len(found) == 1 and size[found[0]] < 3 * SMALLEST else found
