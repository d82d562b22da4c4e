"""The two encoders of nnU-Net, as its planner sees them: blocks, channels, and how much a forward pass keeps."""

import math
from dataclasses import dataclass

from unet_lightning.plan.topology import Topology


@dataclass(frozen=True)
class Encoder:
    """What the planner assumes of an encoder.

    blocks: convolutions, or residual blocks, of each stage from the finest; the last number goes on. decoder:
    convolutions of a decoder stage. reference: elements that a forward pass may keep at `gb` gigabytes, for networks of
    2 and of 3 axes. share: largest share of all voxels of the data set in a batch. whole_batch: whether patches shrink
    until the reference holds for a batch of the reference size, rather than of two.
    """

    name: str
    blocks: tuple[int, ...]
    decoder: int
    reference: dict[int, float]
    gb: float
    share: float
    whole_batch: bool

    def blocks_of(self, stages: int) -> tuple[int, ...]:
        """Blocks of each stage."""
        return tuple(self.blocks[min(stage, len(self.blocks) - 1)] for stage in range(stages))

    def elements(self, topology: Topology, channels: tuple[int, ...], labels: int) -> int:
        """Outputs of all convolutions for a batch of one: nnU-Net's measure of memory."""
        voxels = list(topology.patch)
        total = 0
        blocks = self.blocks_of(len(channels))
        for stage, (width, count) in enumerate(zip(channels, blocks, strict=True)):
            voxels = [n // s for n, s in zip(voxels, topology.strides[stage], strict=True)]
            outputs = width * math.prod(voxels)
            total += outputs * self._convolutions(stage, count)
            if stage < len(channels) - 1:
                total += outputs * (1 + self.decoder)  # the up-sampling and the convolutions after it
            if stage == 0:
                total += labels * math.prod(voxels)
        return total

    def _convolutions(self, stage: int, blocks: int) -> int:
        """Convolutions of an encoder stage; of a residual one with the stem, or with the 1x1 of its first skip."""
        return blocks if self.name == "plain" else 2 * blocks + 1


ENCODERS = {
    "plain": Encoder("plain", (2,), 2, {2: 85e6, 3: 560e6}, 8, 0.05, False),
    "residual_m": Encoder("residual", (1, 3, 4, 6), 1, {2: 135e6, 3: 680e6}, 8, 1.0, True),
    "residual_l": Encoder("residual", (1, 3, 4, 6), 1, {2: 380e6, 3: 2.1e9}, 24, 1.0, True),
    "residual_xl": Encoder("residual", (1, 3, 4, 6), 1, {2: 560e6, 3: 3.6e9}, 40, 1.0, True),
}
