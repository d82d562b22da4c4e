"""The block of nnU-Net's residual encoder: two convolutions beside a skip.

He et al., CVPR 2019, doi:10.1109/CVPR.2019.00065 ("ResNet-D": the skip is pooled before its 1x1 convolution).
"""

from collections.abc import Sequence

from torch import Tensor, nn

from unet_lightning.model.layer import average_pool, convolution, instance_norm, leaky_relu, ones
from unet_lightning.model.plain import PlainBlock


class ResidualBlock(nn.Module):
    """(B, in, *sides) to (B, out, *(sides / stride)), of two axes or three.

    The scale of the last norm begins at 0, so that a block begins as its skip.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: Sequence[int], stride: Sequence[int]) -> None:
        super().__init__()
        last = instance_norm(out_channels, len(kernel))
        nn.init.zeros_(last.weight)  # type: ignore[arg-type]  # a parameter, as the norm is affine
        self.first = PlainBlock(in_channels, out_channels, kernel, stride)
        self.second = nn.Sequential(convolution(out_channels, out_channels, kernel, ones(kernel)), last)
        self.skip = skip(in_channels, out_channels, stride)
        self.activation = leaky_relu()

    def forward(self, features: Tensor) -> Tensor:
        """Both paths have the shape of the output."""
        output: Tensor = self.activation(self.second(self.first(features)) + self.skip(features))
        return output


def skip(in_channels: int, out_channels: int, stride: Sequence[int]) -> nn.Sequential:
    """As little as brings features to the shape of the block's output: nothing at all where they have it."""
    layers: list[nn.Module] = []
    if any(step > 1 for step in stride):
        layers += [average_pool(stride)]
    if in_channels != out_channels:
        one = ones(stride)
        layers += [convolution(in_channels, out_channels, one, one, bias=False)]
        layers += [instance_norm(out_channels, len(stride))]
    return nn.Sequential(*layers)
