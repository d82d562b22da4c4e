"""nnU-Net's plan of a data set: spacing, patch, batch, network and normalisation, for 2-D and 3-D.

Isensee et al., Nature Methods 2021, https://doi.org/10.1038/s41592-020-01008-z; the encoders' presets: Isensee et al.,
MICCAI 2024, https://doi.org/10.1007/978-3-031-72114-4_47.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from unet_lightning.plan.encoder import Encoder
from unet_lightning.plan.fingerprint import Fingerprint
from unet_lightning.plan.topology import Topology, find_topology

THICK = 3  # an axis with that many times the spacing of the others is treated apart
BATCH = {2: 12, 3: 2}  # for which the reference of memory was measured, by the number of axes
LARGEST = {2: 512, 3: 320}  # channels
START = {2: 2048**2, 3: 256**3}  # voxels of the first patch that is tried
NORMALIZATIONS = {"ct": "ct", "nonorm": "none", "rescale_to_0_1": "rescale", "rgb_to_0_1": "rgb"}
LOW_SHARE = 0.25  # of the median volume: a patch below it calls for a low-resolution stage
LEAST = 2  # times fewer voxels than full resolution that a low one must have
MASKED_BELOW = 0.75  # median share of voxels that the crop leaves


@dataclass(frozen=True)
class Configuration:
    """One of the networks nnU-Net would train. spacing, median: per axis; reference, elements: outputs that may be kept
    and that are, for a batch of one; memory_batch: the batch that fills the memory, before it is limited and rounded;
    too_large: patches that were tried before, each with how many times the allowed outputs it takes.
    """

    spacing: tuple[float, ...]
    median: tuple[float, ...]
    topology: Topology
    channels: tuple[int, ...]
    batch: int
    memory_batch: float
    elements: int
    reference: float
    batch_dice: bool
    too_large: tuple[tuple[tuple[int, ...], float], ...]

    @property
    def reference_batch(self) -> int:
        """The batch for which the reference was measured."""
        return BATCH[len(self.spacing)]


@dataclass(frozen=True)
class Rules:
    """transpose: the order of the axes in every configuration. spacing, shape: medians of the cases, in that order.
    normalization, masked: how each channel is normalised, and whether with the statistics of its non-zero voxels.
    configurations: by name. dropped: one of low resolution that was tried and sees hardly more than full resolution.
    """

    transpose: tuple[int, ...]
    spacing: tuple[float, ...]
    shape: tuple[int, ...]
    normalization: tuple[str, ...]
    masked: tuple[bool, ...]
    configurations: dict[str, Configuration]
    dropped: Configuration | None


def plan_rules(fingerprint: Fingerprint, encoder: Encoder, memory_gb: float) -> Rules:
    """The plan of a data set for a graphics card of `memory_gb` gigabytes."""
    target = target_spacing(fingerprint)
    first = int(np.argmax(target))
    order = (first, *(axis for axis in range(3) if axis != first))
    spacing = tuple(float(target[axis]) for axis in order)
    median = tuple(map(float, median_shape(fingerprint, target)[list(order)]))
    planner = Planner(fingerprint, encoder, memory_gb, fingerprint.cases * math.prod(median))
    found, dropped = {"2d": replace(planner.configure(spacing[1:], median[1:]), batch_dice=True)}, None
    if median[0] > 1:
        full = planner.configure(spacing, median)
        low = planner.low_resolution(spacing, median, full)
        if low and coarser(spacing, median, low) < LEAST:
            low, dropped = None, low
        found |= {} if low is None else {"3d_lowres": low}
        found["3d_fullres"] = replace(full, batch_dice=low is not None)
    schemes = tuple(NORMALIZATIONS.get(name.lower(), "zscore") for name in fingerprint.channels)
    masked = tuple(scheme == "zscore" and fingerprint.crop_ratio < MASKED_BELOW for scheme in schemes)
    found_spacing, found_shape = (
        np.median(values, axis=0)[list(order)] for values in (fingerprint.spacings, fingerprint.shapes)
    )
    sizes = tuple(map(int, found_shape))
    return Rules(order, tuple(map(float, found_spacing)), sizes, schemes, masked, found, dropped)


def target_spacing(fingerprint: Fingerprint) -> NDArray[np.float64]:
    """(3,), millimetres: the median; of a thick axis with few voxels the tenth percentile."""
    target = np.percentile(fingerprint.spacings, 50, axis=0)
    sizes = np.percentile(fingerprint.shapes, 50, axis=0)
    worst = int(np.argmax(target))
    others = [axis for axis in range(3) if axis != worst]
    if target[worst] > THICK * target[others].max() and THICK * sizes[worst] < sizes[others].min():
        finer = float(np.percentile(fingerprint.spacings[:, worst], 10))
        target[worst] = max(finer, target[others].max() + 1e-5) if finer < target[others].max() else finer
    return target


def median_shape(fingerprint: Fingerprint, target: NDArray[np.float64]) -> NDArray[np.float64]:
    """(3,), voxels: the median over the cases, resampled to the target spacing; may end in .5."""
    return np.median(np.round(fingerprint.shapes * fingerprint.spacings / target), axis=0)


@dataclass(frozen=True)
class Planner:
    """Fits networks into memory. voxels: of the whole data set at full resolution."""

    fingerprint: Fingerprint
    encoder: Encoder
    memory_gb: float
    voxels: float

    def configure(self, spacing: Sequence[float], median: Sequence[float]) -> Configuration:
        """Shrink the patch until the network fits, then fill the memory with a batch."""
        axes = len(spacing)
        reference = self.encoder.reference[axes] * self.memory_gb / self.encoder.gb
        allowed = reference if self.encoder.whole_batch else reference * BATCH[axes] / 2
        topology = find_topology(spacing, first_patch(spacing, median))
        too_large = []
        while (elements := self._elements(topology)) > allowed:
            too_large.append((topology.patch, elements / allowed))
            topology = shrink(spacing, median, topology)
        memory_batch = reference / elements * BATCH[axes]
        most = round(self.encoder.share * self.voxels / math.prod(topology.patch))
        batch = max(2, min(round(memory_batch), most))
        channels = self._channels(topology)
        sizes, memory = tuple(map(float, median)), (batch, memory_batch, elements, reference)
        return Configuration(tuple(spacing), sizes, topology, channels, *memory, False, tuple(too_large))

    def low_resolution(
        self, spacing: Sequence[float], median: Sequence[float], full: Configuration
    ) -> Configuration | None:
        """A configuration of coarser spacing whose patch sees a quarter of an image; None where none is called for."""
        coarse, found = np.array(spacing), full
        sizes = np.array(median)
        while math.prod(found.topology.patch) / float(np.prod(sizes)) < LOW_SHARE:
            much_finer = coarse.max() / coarse > 2
            coarse = np.where(much_finer, coarse * 1.03, coarse) if much_finer.any() else coarse * 1.03
            sizes = np.array(median) * np.array(spacing) / coarse
            whole = tuple(map(float, np.round(sizes)))
            planner = replace(self, voxels=self.fingerprint.cases * math.prod(whole))
            found = planner.configure(tuple(map(float, coarse)), whole)
        return None if found is full else found

    def _channels(self, topology: Topology) -> tuple[int, ...]:
        largest = LARGEST[len(topology.patch)]
        return tuple(min(largest, 32 * 2**stage) for stage in range(len(topology.strides)))

    def _elements(self, topology: Topology) -> int:
        return self.encoder.elements(topology, self._channels(topology), self.fingerprint.labels)


def coarser(spacing: Sequence[float], median: Sequence[float], low: Configuration) -> float:
    """How many times fewer voxels than at this spacing the median volume has in a configuration of low resolution."""
    sizes = np.array(median) * np.array(spacing) / np.array(low.spacing)
    return float(np.prod(median) / np.prod(sizes))


def first_patch(spacing: Sequence[float], median: Sequence[float]) -> tuple[float, ...]:
    """Voxels per axis: a cube in millimetres of a fixed number of voxels, no larger than the median image."""
    axes = len(spacing)
    side = (START[axes] * math.prod(spacing)) ** (1 / axes)
    return tuple(min(round(side / s), n) for s, n in zip(spacing, median, strict=True))


def shrink(spacing: Sequence[float], median: Sequence[float], topology: Topology) -> Topology:
    """The topology of the next smaller patch: shorter along the axis that covers most of the median image."""
    shares = [n / m for n, m in zip(topology.patch, median, strict=True)]
    axis = max(range(len(shares)), key=lambda a: (shares[a], a))  # of equal ones the last
    patch = list(topology.patch)
    patch[axis] -= topology.divisors[axis]
    step = find_topology(spacing, patch).divisors[axis]
    patch[axis] = topology.patch[axis] - step
    return find_topology(spacing, patch)
