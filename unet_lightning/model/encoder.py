"""The contracting path of the U-Net."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F


class Encoder(nn.Module):
    """The contracting path: blocks with 2x2 max pooling between them."""

    def __init__(self, blocks: Sequence[nn.Module], dropout: float, needs_indices: bool) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.dropout = nn.Dropout(dropout)
        self.needs_indices = needs_indices

    def forward(self, image: Tensor) -> tuple[Tensor, list[Tensor], list[Tensor | None]]:
        """Image (B, C, h, w) to the features of the coarsest level, the skips and the pooling indices.

        With same convolution the coarsest features are (B, F, h / 2^depth, w / 2^depth). Skips: the features of the
        other levels from fine to coarse, before pooling. Indices: None for every level if no up-sampling needs them.
        """
        features, skips, indices = image, [], []
        for down in self.blocks[:-1]:
            skips.append(down(features))  # (B, F, h, w); (B, F, h / 2, w / 2) after the pooling
            if self.needs_indices:
                features, where = F.max_pool2d(skips[-1], 2, return_indices=True)
            else:
                features, where = F.max_pool2d(skips[-1], 2), None
            indices.append(where)
        return self.dropout(self.blocks[-1](features)), skips, indices
