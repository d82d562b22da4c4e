"""The block of the U-Net: twice convolution, normalisation, ReLU."""

from typing import Literal

from torch import nn

Norm = Literal["none", "batch", "instance", "group"]
GROUPS = 8


def block(in_channels: int, out_channels: int, padding: int, norm: Norm) -> nn.Sequential:
    """Two 3x3 convolutions: (B, in, h, w) to (B, out, h - 4 + 4 padding, w - 4 + 4 padding)."""
    layers: list[nn.Module] = []
    for channels in (in_channels, out_channels):
        layers += [nn.Conv2d(channels, out_channels, 3, padding=padding, bias=norm == "none")]
        layers += [normalisation(norm, out_channels), nn.ReLU(inplace=True)]
    return nn.Sequential(*(layer for layer in layers if not isinstance(layer, nn.Identity)))


def normalisation(norm: Norm, channels: int) -> nn.Module:
    """The layer of that name. Group norm has 8 groups, or fewer where 8 don't divide the channels."""
    if norm == "batch":
        return nn.BatchNorm2d(channels)
    if norm == "instance":
        return nn.InstanceNorm2d(channels, affine=True)
    if norm == "group":
        groups = next(n for n in range(min(GROUPS, channels), 0, -1) if channels % n == 0)
        return nn.GroupNorm(groups, channels)
    return nn.Identity()
