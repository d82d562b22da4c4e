"""The interfaces of the exchangeable parts of the U-Net: up-samplings, skip fusions and blocks; its channels."""

from collections.abc import Callable, Sequence
from typing import Annotated, Protocol

from annotated_types import Ge, Le
from torch import Tensor, nn


class Upsample(Protocol):
    """A module that multiplies the sides of a feature map by a stride per axis.

    reach: width of the rim of its output, in pixels, that depends on pixels beyond the map's edge. needs_indices:
    whether it uses the indices of the encoder's pooling.
    """

    reach: int
    needs_indices: bool

    def __call__(self, features: Tensor, indices: Tensor | None) -> Tensor:
        """features (B, in, *sides) and pooling indices (B, out, *sides) to (B, out, *(stride * sides))."""


class Fusion(Protocol):
    """A module that joins a skip connection's features and an up-sampled map."""

    out_channels: int

    def __call__(self, skip: Tensor, up: Tensor) -> Tensor:
        """skip (B, S, *sides) and up (B, U, *sides) to (B, out_channels, *sides)."""


Channels = Annotated[int, Ge(1), Le(2**13)]
MakeUpsample = Callable[[int, int, Sequence[int]], Upsample]  # of (in, out) channels and the stride per axis
MakeFusion = Callable[[int, int], Fusion]  # of (skip, up) channels
MakeBlock = Callable[[int, int, Sequence[int], Sequence[int]], nn.Module]  # of (in, out) channels, kernel and stride
