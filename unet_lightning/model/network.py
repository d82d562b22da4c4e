"""What training, tiling and prediction ask of a network."""

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor, nn


class Network(nn.Module, ABC):
    """Images (B, C, h, w) to logits (B, K, h - 2 margin, w - 2 margin).

    `geometry` holds the margin, the context and the sizes it takes: `model/geometry.py`, `strided_geometry.py` and, for
    networks of other packages, `measured_geometry.py`.
    """

    geometry: Any

    @property
    @abstractmethod
    def features(self) -> int:
        """Channels of its finest maps, by which memory and work are estimated."""

    @abstractmethod
    def forward(self, image: Tensor) -> Tensor:
        """Logits of images of any size that the geometry takes."""

    @abstractmethod
    def unpadded(self, image: Tensor) -> Tensor:
        """Logits of images whose sides need no padding, for an exporter."""

    @abstractmethod
    def logits_by_level(self, image: Tensor) -> list[Tensor]:
        """What training compares with the mask: logits of `forward`, then coarser ones of half the sides each."""

    @abstractmethod
    def interior(self, image: Tensor) -> Tensor:
        """Logits (B, K, h - 2 halo, w - 2 halo): only those independent of pixels outside."""
