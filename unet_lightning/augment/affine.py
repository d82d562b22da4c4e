"""Mirroring, rotation and scaling, each by chances of its own, as nnU-Net draws them.

Isensee et al., Nature Methods 2021, doi:10.1038/s41592-020-01008-z.
"""

from typing import Annotated

import numpy as np
from annotated_types import Ge, Le

from unet_lightning.augment.interval import Factors, interval
from unet_lightning.augment.warp import Coordinates, Probability, Region, coordinates, matrix


class Affine:
    """A random map of coordinates (2, h, w), as `Warp`, whose rotation and scaling don't depend on each other.

    mirror: whether each axis is mirrored with probability 1/2. rotation: largest angle in degrees; angles are evenly
    distributed. extent: smallest and largest ratio of the sides of what is shown to those of the crop, evenly
    distributed; above 1 objects become smaller. The probabilities are the shares of the samples that are rotated, and
    scaled.
    """

    def __init__(
        self,
        mirror: bool,
        rotation: Annotated[float, Ge(0), Le(180)],
        rotation_probability: Probability,
        extent: Factors,
        extent_probability: Probability,
    ) -> None:
        self.mirror, self.rotation, self.extent = mirror, rotation, interval(extent)
        self.rotation_probability, self.extent_probability = rotation_probability, extent_probability

    def __call__(self, region: Region, rim: int, random: np.random.Generator) -> Coordinates:
        """Coordinates (2, height + 2 rim, width + 2 rim) float32 for a region and `rim` pixels around it."""
        flips = random.integers(2, size=2) if self.mirror else np.zeros(2, int)
        turned, scaled = random.uniform(size=2) < (self.rotation_probability, self.extent_probability)
        angle = np.deg2rad(random.uniform(-self.rotation, self.rotation)) * turned
        extent = random.uniform(*self.extent) if scaled else 1.0
        return coordinates(region, rim, matrix(angle, 1 / extent, flips))
