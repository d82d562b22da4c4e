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
        sizes: Sequence[tuple[int, int]] | None = None,
    ) -> Tensor:
        """Features (B, F, h, w) of the coarsest level to features (B, F_0, H, W) of the finest.

        skips, indices: features and pooling indices of the encoder at each level, from fine to coarse. sizes: at each
        level the (height, width) of the central part of the features that is needed; None computes all of them.
        """
        for level in reversed(range(len(self.blocks))):
            features = centre(features, *sizes[level + 1]) if sizes else features  # (B, F, h, w)
            features = self.ups[level](features, indices[level])  # (B, F', 2h, 2w)
            height, width = (side - 2 * self.trim for side in features.shape[-2:])
            features = centre(features, height, width)
            features = self.fusions[level](centre(skips[level], height, width), features)  # (B, F' or 2F', 2h, 2w)
            features = self.blocks[level](features)  # (B, F', 2h, 2w), with valid convolution (B, F', 2h - 4, 2w - 4)
        return centre(features, *sizes[0]) if sizes else features


def centre(features: Tensor, height: int, width: int) -> Tensor:
    """The central (..., height, width) of features (..., H, W); H - height and W - width must be even."""
    top, left = (features.shape[-2] - height) // 2, (features.shape[-1] - width) // 2
    return features.narrow(-2, top, height).narrow(-1, left, width)
