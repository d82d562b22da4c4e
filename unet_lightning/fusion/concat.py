"""Skip fusion by concatenation, as in the U-Net."""

import torch
from torch import Tensor, nn


class Concat(nn.Module):
    """(B, skip, h, w) and (B, up, h, w) to (B, skip + up, h, w)."""

    def __init__(self, skip_channels: int, up_channels: int) -> None:
        super().__init__()
        self.out_channels = skip_channels + up_channels

    def forward(self, skip: Tensor, up: Tensor) -> Tensor:
        """Both along the channels, those of the skip first."""
        return torch.cat([skip, up], dim=1)
