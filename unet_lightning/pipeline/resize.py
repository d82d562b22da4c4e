"""Resize an image and its label: grey values are averaged over areas, labels taken from the nearest pixel."""

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from unet_lightning.sample import Sample


def resized(sample: Sample, scale: float) -> Sample:
    """The sample with both sides multiplied by `scale`, rounded, at least 1 pixel; dtypes are kept."""
    height, width = (max(1, round(side * scale)) for side in sample.mask.shape)

    def label(array: NDArray[Any]) -> NDArray[Any]:
        rows, columns = (
            ((np.arange(new) + 0.5) * old / new).astype(int)
            for new, old in zip((height, width), array.shape, strict=True)
        )
        return array[np.ix_(rows, columns)]

    kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    channels = np.moveaxis(sample.image.astype(np.float64), 2, 0)
    image = np.stack([cv2.resize(channel, (width, height), interpolation=kind) for channel in channels], axis=2)
    if np.issubdtype(sample.image.dtype, np.integer):
        image = np.rint(image)
    return replace(
        sample,
        image=image.astype(sample.image.dtype),
        mask=label(sample.mask),
        valid=label(sample.valid),
        instances=None if sample.instances is None else label(sample.instances),
        nodata=None if sample.nodata is None else label(sample.nodata),
    )
