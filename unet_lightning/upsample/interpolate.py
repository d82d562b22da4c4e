"""Up-sampling by interpolation: nearest, bilinear or bicubic, after a 1x1 convolution that reduces the channels."""

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

REACH = {"nearest": 0, "bilinear": 1, "bicubic": 3}


class Interpolate(nn.Module):
    """(B, in, h, w) to (B, out, 2h, 2w).

    The 1x1 convolution comes first: after the interpolation it would give the same result and cost four times as much.
    `align_corners` is false; at the edge of the map the outermost pixel is repeated.
    """

    needs_indices = False

    def __init__(self, in_channels: int, out_channels: int, mode: Literal["nearest", "bilinear", "bicubic"]) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(in_channels, out_channels, 1)
        self.mode = mode
        self.reach = REACH[mode]

    def forward(self, features: Tensor, indices: Tensor | None) -> Tensor:
        """Double the sides; `indices` isn't used."""
        corners = None if self.mode == "nearest" else False
        return F.interpolate(self.reduce(features), scale_factor=2, mode=self.mode, align_corners=corners)
