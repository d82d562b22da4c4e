"""The classes themselves."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unet_lightning.target.base import Target


class Classes(Target):
    """A network learns the classes of the data set, as they are."""

    def outputs(self, classes: int) -> int:
        """As many as classes."""
        return classes

    def encode(self, mask: NDArray[np.uint8], objects: NDArray[np.int32] | None, classes: int) -> NDArray[np.uint8]:
        """The class ids."""
        return mask

    def scores(self, outputs: Tensor) -> Tensor:
        """The outputs."""
        return outputs

    def ids(self, outputs: Tensor) -> Tensor:
        """The class of the highest output, (H, W) uint8."""
        return outputs.argmax(0).to(torch.uint8)
