"""Up-sampling by max-unpooling: a value goes back to where the encoder's pooling found its maximum, zeros elsewhere."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F


class Unpool(nn.Module):
    """(B, in, h, w) to (B, out, 2h, 2w), after a 1x1 convolution to the number of channels of the indices.

    stride: (2, 2), as that of the pooling.
    """

    reach = 0
    needs_indices = True

    def __init__(self, in_channels: int, out_channels: int, stride: Sequence[int]) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(in_channels, out_channels, 1)
        self.stride = list(stride)

    def forward(self, features: Tensor, indices: Tensor | None) -> Tensor:
        """indices: (B, out, H, W) of the encoder's 2x2 max pooling; their centre is used where H > h."""
        assert indices is not None
        return F.max_unpool2d(self.reduce(features), rebase(indices, *features.shape[-2:]), self.stride)


def rebase(indices: Tensor, height: int, width: int) -> Tensor:
    """Pooling indices (B, F, H, W) to their central (B, F, height, width), as indices into the central part of the map.

    The encoder's map has sides 2H and 2W, and an index is row * 2W + column. The decoder of a valid network uses only
    the centre of it, with sides 2 height and 2 width.
    """
    pooled_height, pooled_width = indices.shape[-2:]
    top, left = (pooled_height - height) // 2, (pooled_width - width) // 2
    if (pooled_height, pooled_width) == (height, width):
        return indices
    middle = indices.narrow(-2, top, height).narrow(-1, left, width)
    row = middle // (2 * pooled_width)
    column = middle - row * (2 * pooled_width)
    return (row - 2 * top) * (2 * width) + column - 2 * left
