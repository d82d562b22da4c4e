"""What every target is: labels to the ids that a network learns, and back to classes."""

from abc import ABC, abstractmethod

from numpy.typing import NDArray
from torch import Tensor


class Target(ABC):
    """Maps labels to the ids that a network learns, and its outputs to classes; scores see classes alone.

    reach: how many pixels beyond a crop its ids depend on. needs_objects: whether they depend on objects.
    """

    reach: int = 0
    needs_objects: bool = False

    @abstractmethod
    def outputs(self, classes: int) -> int:
        """How many outputs, L, a network has for a data set of K classes."""

    @abstractmethod
    def encode(self, mask: NDArray, objects: NDArray | None, classes: int) -> NDArray:  # type: ignore[type-arg]
        """Class ids (H, W) uint8 and objects (H, W) int32 to the ids that are learned, (H, W) uint8, below L."""

    @abstractmethod
    def scores(self, outputs: Tensor, axis: int = 0) -> Tensor:
        """Logits, or logarithms of probabilities, of L outputs to those of K classes, along an axis."""

    @abstractmethod
    def ids(self, outputs: Tensor) -> Tensor:
        """Logits (L, H, W) to ids (H, W) uint8 for the post-processing: a class, and whatever it must know beside."""
