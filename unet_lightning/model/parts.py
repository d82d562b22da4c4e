"""The interfaces of the exchangeable parts of the U-Net: up-samplings and skip fusions."""

from collections.abc import Callable
from typing import Protocol

from torch import Tensor


class Upsample(Protocol):
    """A module that doubles the sides of a feature map.

    reach: width of the rim of its output, in pixels, that depends on pixels beyond the map's edge. needs_indices:
    whether it uses the indices of the encoder's pooling.
    """

    reach: int
    needs_indices: bool

    def __call__(self, features: Tensor, indices: Tensor | None) -> Tensor:
        """features (B, in, h, w) and pooling indices (B, out, H, W) to (B, out, 2h, 2w)."""


class Fusion(Protocol):
    """A module that joins a skip connection's features and an up-sampled map."""

    out_channels: int

    def __call__(self, skip: Tensor, up: Tensor) -> Tensor:
        """skip (B, S, h, w) and up (B, U, h, w) to (B, out_channels, h, w)."""


MakeUpsample = Callable[[int, int], Upsample]  # of (in, out) channels
MakeFusion = Callable[[int, int], Fusion]  # of (skip, up) channels
