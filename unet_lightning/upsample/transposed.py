"""Up-sampling by a transposed convolution whose kernel is its stride: the "up-convolution" of the U-Net."""

from collections.abc import Callable, Mapping, Sequence

from torch import Tensor, nn

CONVOLUTION: Mapping[int, Callable[..., nn.Module]] = {2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}


class Transposed(nn.Module):
    """(B, in, *sides) to (B, out, *(stride * sides)), of two axes or three, learned."""

    reach = 0
    needs_indices = False

    def __init__(self, in_channels: int, out_channels: int, stride: Sequence[int]) -> None:
        super().__init__()
        size = tuple(stride)
        self.convolution = CONVOLUTION[len(size)](in_channels, out_channels, size, size)

    def forward(self, features: Tensor, indices: Tensor | None) -> Tensor:
        """Multiply the sides by the stride; `indices` isn't used."""
        output: Tensor = self.convolution(features)
        return output
