"""No normalisation: integer images are only scaled to [0, 1] by the range of their dtype."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_lightning.normalize.base import Affine, Normalize, affine


class TypeRange(Normalize):
    """Shift 0; scale 255 for 8 bit, 65535 for 16 bit, 1 for float images."""

    def describe(self) -> str:
        """The normalisation in words."""
        return "the range of the file's integers to 0 to 1"

    def __call__(self, image: NDArray[Any]) -> Affine:
        """Shift 0, and as scale the largest number of the dtype, for every channel."""
        largest = np.iinfo(image.dtype).max if np.issubdtype(image.dtype, np.integer) else 1
        return affine(np.zeros(image.shape[2]), np.full(image.shape[2], largest))
