"""The expansive path of the U-Net."""

from collections.abc import Sequence
from typing import cast

from torch import Tensor, nn

from unet_lightning.model.parts import Fusion, Upsample


class Decoder(nn.Module):
    """The expansive path: at each level an up-sampling, fusion with the centre of the skip, and a block.

    ups, fusions, blocks: one for each level, from fine to coarse. trim: pixels cut from each side of an up-sampled map.
    """

    def __init__(
        self, ups: Sequence[Upsample], fusions: Sequence[Fusion], blocks: Sequence[nn.Module], trim: int
    ) -> None:
        super().__init__()
        self.ups = nn.ModuleList(cast(Sequence[nn.Module], ups))
        self.fusions = nn.ModuleList(cast(Sequence[nn.Module], fusions))
        self.blocks = nn.ModuleList(blocks)
        self.trim = trim

    def forward(
        self,
        features: Tensor,
        skips: Sequence[Tensor],
        indices: Sequence[Tensor | None],
        sizes: Sequence[Sequence[int]] | None = None,
    ) -> Tensor:
        """Features (B, F, h, w) of the coarsest level to features (B, F_0, H, W) of the finest.

        skips, indices: features and pooling indices of the encoder at each level, from fine to coarse. sizes: at each
        level the (height, width) of the central part of the features that is needed; None computes all of them.
        """
        for level in reversed(range(len(self.blocks))):
            features = centre(features, sizes[level + 1]) if sizes else features  # (B, F, h, w)
            features = self._ascend(level, features, skips[level], indices[level])
        return centre(features, sizes[0]) if sizes else features

    def levels(self, features: Tensor, skips: Sequence[Tensor], indices: Sequence[Tensor | None]) -> list[Tensor]:
        """As `forward`, but the features of every level, from fine to coarse."""
        found: list[Tensor] = []
        for level in reversed(range(len(self.blocks))):
            features = self._ascend(level, features, skips[level], indices[level])
            found.insert(0, features)
        return found

    def _ascend(self, level: int, features: Tensor, skip: Tensor, indices: Tensor | None) -> Tensor:
        features = self.ups[level](features, indices)  # (B, F', 2h, 2w), or what the stride says
        sides = [side - 2 * self.trim for side in features.shape[2:]]
        features = self.fusions[level](centre(skip, sides), centre(features, sides))  # (B, F' or 2F', 2h, 2w)
        output: Tensor = self.blocks[level](features)  # (B, F', 2h, 2w), with valid convolution (B, F', 2h - 4, 2w - 4)
        return output


def centre(features: Tensor, sides: Sequence[int]) -> Tensor:
    """The central (B, F, *sides) of features (B, F, *larger); the differences must be even."""
    for axis, side in enumerate(sides, start=2):
        features = features.narrow(axis, (features.shape[axis] - side) // 2, side)
    return features
