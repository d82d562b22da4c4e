"""The classes themselves."""

import torch
from numpy.typing import NDArray
from torch import Tensor

from unet_lightning.target.base import Target


class Classes(Target):
    """A network learns the classes of the data set, as they are."""

    def outputs(self, classes: int) -> int:
        """As many as classes."""
        return classes

    def encode(self, mask: NDArray, objects: NDArray | None, classes: int) -> NDArray:  # type: ignore[type-arg]
        """The class ids."""
        return mask

    def scores(self, outputs: Tensor, axis: int = 0) -> Tensor:
        """The outputs."""
        return outputs

    def ids(self, outputs: Tensor) -> Tensor:
        """The class of the highest output, (H, W) uint8."""
        return outputs.argmax(0).to(torch.uint8)
