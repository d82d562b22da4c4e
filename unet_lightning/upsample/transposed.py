"""Up-sampling by a 2x2 transposed convolution with stride 2: the "up-convolution" of the U-Net."""

from torch import Tensor, nn


class Transposed(nn.Module):
    """(B, in, h, w) to (B, out, 2h, 2w), learned."""

    reach = 0
    needs_indices = False

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.convolution = nn.ConvTranspose2d(in_channels, out_channels, kernel_size=2, stride=2)

    def forward(self, features: Tensor, indices: Tensor | None) -> Tensor:
        """Double the sides; `indices` isn't used."""
        output: Tensor = self.convolution(features)
        return output
