"""Changes of the values of a normalised image, as nnU-Net makes them; each is a file of its own.

Isensee et al., Nature Methods 2021, doi:10.1038/s41592-020-01008-z.
"""

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from unet_lightning.augment.warp import Probability

Image = NDArray[np.float32]  # (C, h, w), normalised


class Intensity(ABC):
    """Base class of all changes of values. probability: share of the samples that are changed."""

    def __init__(self, probability: Probability) -> None:
        self.probability = probability

    def __call__(self, image: Image, random: np.random.Generator) -> Image:
        """(C, h, w) float32, changed or as it was; what was given stays what it is."""
        return self.change(image, random) if random.uniform() < self.probability else image

    @abstractmethod
    def change(self, image: Image, random: np.random.Generator) -> Image:
        """(C, h, w) float32, changed."""
