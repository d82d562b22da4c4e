"""Skip fusion by addition: the same as concatenation and a fixed 1x1 convolution with the weights [I I]."""

from torch import Tensor, nn


class Add(nn.Module):
    """(B, skip, h, w) and (B, up, h, w) to (B, skip, h, w).

    Where the channels differ, a 1x1 convolution projects `up`.
    """

    def __init__(self, skip_channels: int, up_channels: int) -> None:
        super().__init__()
        self.out_channels = skip_channels
        same = skip_channels == up_channels
        self.project: nn.Module = nn.Identity() if same else nn.Conv2d(up_channels, skip_channels, 1)

    def forward(self, skip: Tensor, up: Tensor) -> Tensor:
        """The sum, (B, skip, h, w)."""
        output: Tensor = skip + self.project(up)
        return output
