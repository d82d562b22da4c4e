"""The block of nnU-Net's plain network: convolution, instance norm, leaky ReLU."""

from collections.abc import Sequence

from torch import nn

from unet_lightning.model.layer import convolution, instance_norm, leaky_relu


class PlainBlock(nn.Sequential):
    """(B, in, *sides) to (B, out, *(sides / stride)), of two axes or three."""

    def __init__(self, in_channels: int, out_channels: int, kernel: Sequence[int], stride: Sequence[int]) -> None:
        super().__init__(
            convolution(in_channels, out_channels, kernel, stride),
            instance_norm(out_channels, len(kernel)),
            leaky_relu(),
        )
