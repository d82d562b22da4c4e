"""The layers of nnU-Net's networks, for images of two axes or of three: as many as their kernels have."""

from collections.abc import Callable, Mapping, Sequence

from torch import nn

from unet_lightning.model.initialise import SLOPE

Layer = Callable[..., nn.Module]
CONVOLUTION: Mapping[int, Layer] = {2: nn.Conv2d, 3: nn.Conv3d}
INSTANCE_NORM: Mapping[int, Layer] = {2: nn.InstanceNorm2d, 3: nn.InstanceNorm3d}
AVERAGE_POOL: Mapping[int, Layer] = {2: nn.AvgPool2d, 3: nn.AvgPool3d}


def convolution(
    in_channels: int, out_channels: int, kernel: Sequence[int], stride: Sequence[int], bias: bool = True
) -> nn.Module:
    """(B, in, *sides) to (B, out, *(sides / stride)), padded with zeros. Kernels are odd."""
    padding = tuple(size // 2 for size in kernel)
    return CONVOLUTION[len(kernel)](in_channels, out_channels, tuple(kernel), tuple(stride), padding, bias=bias)


def instance_norm(channels: int, axes: int) -> nn.Module:
    """Each channel of each image to mean 0 and variance 1, then a learned scale and shift."""
    return INSTANCE_NORM[axes](channels, eps=1e-5, affine=True)


def average_pool(stride: Sequence[int]) -> nn.Module:
    """(B, C, *sides) to (B, C, *(sides / stride))."""
    return AVERAGE_POOL[len(stride)](tuple(stride), tuple(stride))


def leaky_relu() -> nn.Module:
    """The activation."""
    return nn.LeakyReLU(SLOPE, inplace=True)


def ones(sizes: Sequence[int]) -> tuple[int, ...]:
    """The kernel, or the stride, 1 on every axis."""
    return (1,) * len(sizes)
