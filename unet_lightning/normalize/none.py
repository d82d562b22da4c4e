"""No normalisation: integer images are only brought to [0, 1] by their type's range."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


class Unchanged:
    """Shift 0; scale 255 for 8 bit, 65535 for 16 bit, 1 for float images."""

    def __call__(self, image: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """image (H, W, C) native to (shift, scale), each (C,) float32."""
        largest = np.iinfo(image.dtype).max if np.issubdtype(image.dtype, np.integer) else 1
        channels = image.shape[2]
        return np.zeros(channels, np.float32), np.full(channels, largest, np.float32)
