"""What the U-Net asks of the parts that can be chosen: its up-samplings and its skip fusions."""

from collections.abc import Callable
from typing import Protocol

from torch import Tensor


class Upsample(Protocol):
    """A module that doubles a map.

    reach: how many fine pixels beyond a 2x2 block its output depends on. needs_indices: whether it wants the indices
    of the encoder's pooling.
    """

    reach: int
    needs_indices: bool

    def __call__(self, features: Tensor, indices: Tensor | None) -> Tensor:
        """features (B, in, h, w) and pooling indices (B, out, H, W) to (B, out, 2h, 2w)."""


class Fusion(Protocol):
    """A module that joins a skip and an up-sampled map."""

    out_channels: int

    def __call__(self, skip: Tensor, up: Tensor) -> Tensor:
        """skip (B, S, h, w) and up (B, U, h, w) to (B, out_channels, h, w)."""


MakeUpsample = Callable[[int, int], Upsample]  # of (in, out) channels
MakeFusion = Callable[[int, int], Fusion]  # of (skip, up) channels
