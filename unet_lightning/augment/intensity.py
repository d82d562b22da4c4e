"""Changes of the values of a normalised image, as nnU-Net makes them; each is a file of its own.

Isensee et al., Nature Methods 2021, doi:10.1038/s41592-020-01008-z.
"""

from abc import ABC, abstractmethod
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unet_lightning.augment.warp import Probability

Image = NDArray[np.float32]  # (C, h, w), normalised
Shape = tuple[int, ...]  # (C, h, w)
REDUCE = {"min": torch.amin, "mean": torch.mean, "max": torch.amax, "std": partial(torch.std, correction=0)}


class Intensity(ABC):
    """Base class of all changes of values. probability: share of the samples that are changed.

    What is random is drawn from the shape alone, so that the loader may draw it and the device change the image.
    """

    def __init__(self, probability: Probability) -> None:
        self.probability = probability

    def __call__(self, image: Image, random: np.random.Generator) -> Image:
        """(C, h, w) float32, changed or as it was; what was given stays what it is."""
        drawn = self.drawn(image.shape, random)
        return image if drawn is None else self.change(image, drawn)

    def drawn(self, shape: Shape, random: np.random.Generator) -> Any:
        """What `change` takes for an image of this shape; None where the sample stays as it is."""
        return self.draw(shape, random) if random.uniform() < self.probability else None

    @abstractmethod
    def draw(self, shape: Shape, random: np.random.Generator) -> Any:
        """The random numbers of a change: an array (…) float32, or a list."""

    @abstractmethod
    def change(self, image: Any, drawn: Any) -> Any:
        """An array (C, h, w) float32, changed; of a tensor on any device a tensor, with `drawn` as a tensor there."""


def by_channel(image: Any, *reductions: str) -> list[Any]:
    """(C, 1, 1) each of an array or a tensor (C, h, w): `min`, `mean`, `max` or `std` of its channels."""
    if isinstance(image, Tensor):
        return [REDUCE[name](image, dim=(1, 2), keepdim=True) for name in reductions]  # type: ignore[operator]
    return [getattr(image, name)(axis=(1, 2), keepdims=True) for name in reductions]
