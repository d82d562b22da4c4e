"""Otsu's threshold: a baseline for every two-class result (Otsu 1979, doi:10.1109/TSMC.1979.4310076)."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


def otsu(image: NDArray[Any], mask: NDArray[Any], valid: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Otsu's threshold of the grey image, (H, W) 0 or 1, in whichever polarity overlaps the label more.

    The choice of polarity looks at the label, which favours the baseline.
    """
    grey: NDArray[Any] = image.astype(np.float32)
    grey = cv2.cvtColor(grey[..., :3], cv2.COLOR_RGB2GRAY) if image.shape[2] >= 3 else grey[..., 0]
    span = max(float(grey.max() - grey.min()), 1e-6)
    eight_bit = ((grey - grey.min()) / span * 255).astype(np.uint8)
    bright = cv2.threshold(eight_bit, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)[1]

    def dice(prediction: NDArray[Any]) -> float:
        overlap = ((prediction > 0) & (mask > 0) & valid).sum()
        total = ((prediction > 0) & valid).sum() + ((mask > 0) & valid).sum()
        return 2 * float(overlap) / max(1.0, float(total))

    polarities: list[NDArray[np.uint8]] = [bright.astype(np.uint8), (1 - bright).astype(np.uint8)]
    return max(polarities, key=dice)
