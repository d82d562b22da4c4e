"""Pixels without data: masked, and filled with what is neutral to every normalisation."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_lightning.error import InputError


def filled(name: Path | str, image: NDArray[Any]) -> NDArray[Any]:
    """A masked array (H, W, C) whose pixels without data hold the mean of the others in each channel; InputError with
    its name where there are no others. Any other array as it is.
    """
    if not isinstance(image, np.ma.MaskedArray):
        return image
    without = np.asarray(np.ma.getmaskarray(image).any(2))
    if without.all():
        raise InputError(f"{name}: no pixel holds data; take it out of the data set, or correct its nodata value")
    pixels = image.data.copy()
    mean = pixels[~without].mean(0, dtype=np.float64)
    pixels[without] = mean if pixels.dtype.kind == "f" else np.round(mean)
    return masked(pixels, without)


def masked(image: NDArray[Any], without: NDArray[np.bool_]) -> NDArray[Any]:
    """A masked array of an image (H, W, C) and its pixels without data, (H, W)."""
    found: NDArray[Any] = np.ma.masked_array(image, np.broadcast_to(without[..., None], image.shape))
    return found
