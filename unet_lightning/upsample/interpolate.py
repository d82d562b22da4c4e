"""Up-sampling by interpolation: nearest, bilinear or bicubic, after a 1x1 convolution that reduces the channels."""

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

from unet_lightning.error import InputError

REACH = {"nearest": 0, "bilinear": 1, "bicubic": 3}
CONVOLUTION = {2: nn.Conv2d, 3: nn.Conv3d}
VOLUMES = {"nearest": "nearest", "bilinear": "trilinear"}  # what torch calls a mode in three axes


class Interpolate(nn.Module):
    """(B, in, *sides) to (B, out, *(stride * sides)), of two axes or three; bilinear is trilinear there.

    The 1x1 convolution comes first: after the interpolation it would give the same result and cost four times as much.
    `align_corners` is false; at the edge of the map the outermost pixel is repeated. InputError for `bicubic` in three
    axes, which torch doesn't have.
    """

    needs_indices = False

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: Sequence[int],
        mode: Literal["nearest", "bilinear", "bicubic"],
    ) -> None:
        super().__init__()
        axes = len(stride)
        if axes == 3 and mode not in VOLUMES:
            raise InputError(f"upsample.mode={mode}: of volumes expected one of {', '.join(VOLUMES)}")
        self.reduce = CONVOLUTION[axes](in_channels, out_channels, 1)
        self.stride, self.mode = tuple(stride), VOLUMES[mode] if axes == 3 else mode
        self.reach = REACH[mode]

    def forward(self, features: Tensor, indices: Tensor | None) -> Tensor:
        """Multiply the sides by the stride; `indices` isn't used."""
        corners = None if self.mode == "nearest" else False
        return F.interpolate(self.reduce(features), scale_factor=self.stride, mode=self.mode, align_corners=corners)
