"""An image file of any format to (H, W, C)."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from unet_lightning.error import InputError
from unet_lightning.reading.array import ARRAYS, read_array
from unet_lightning.reading.bitmap import decode_jpeg, decode_opencv, read_bytes
from unet_lightning.reading.format import format_of
from unet_lightning.reading.nodata import filled, masked
from unet_lightning.reading.tiff import decode_tiff

KEPT = ("uint8", "uint16", "int16", "float32")  # what OpenCV resamples; the rest becomes float32


def as_channels(image: NDArray[Any], channels: int | None) -> NDArray[Any]:
    """(H, W, C) with as many channels as wanted: grey from colour by luminance, colour from grey by repetition."""
    stored = image.shape[2]
    if channels is None or stored == channels:
        return image
    if isinstance(image, np.ma.MaskedArray):
        return masked(as_channels(image.data, channels), np.asarray(np.ma.getmaskarray(image).any(2)))
    if stored not in (1, 3):
        raise InputError(f"{stored} channels can't become data.channels={channels}; set data.channels=null")
    if stored == 1:
        return np.repeat(image, channels, 2)
    grey = cv2.cvtColor(image.astype(np.float32), cv2.COLOR_RGB2GRAY)
    whole = np.issubdtype(image.dtype, np.integer)
    return (np.round(grey) if whole else grey).astype(image.dtype)[..., None]


def read_image(path: Path, page: int | None = None, axes: str | None = None) -> NDArray[Any]:
    """(H, W, C) in RGB order, upright; 8 and 16 bit and float32 as stored, other types as float32.

    Alpha is dropped: the fourth channel of a PNG or BMP, the second of a grey PNG, and of a TIFF what it declares as
    alpha. A further channel of a TIFF without that declaration is a channel. page: of a TIFF stack or a volume. axes:
    `data.axes`, of arrays and stacks. A masked array where pixels have no data: these hold the mean of the others.
    """
    image = _decode_image(path, page, axes)
    if image.dtype.kind not in "buif":
        raise InputError(f"{path}: numbers of type {image.dtype.name}; expected real ones; store them so")
    return as_kept(path, image)


def as_kept(name: Path | str, image: NDArray[Any]) -> NDArray[Any]:
    """An image (H, W, C) of real numbers, contiguous: 8 and 16 bit and float32 as they are, other types as float32.

    A masked array where pixels have no data in a channel: these hold the mean of the others. InputError with the name
    where there are no others.
    """
    image = filled(name, image)
    kind = image.dtype.newbyteorder("=") if image.dtype.name in KEPT else np.dtype(np.float32)
    if isinstance(image, np.ma.MaskedArray):
        return masked(np.ascontiguousarray(image.data, kind), np.asarray(np.ma.getmaskarray(image).any(2)))
    return np.ascontiguousarray(image, kind)


def _decode_image(path: Path, page: int | None, axes: str | None) -> NDArray[Any]:
    """(H, W, C) of any type."""
    kind = format_of(path)
    if kind in ARRAYS:
        stored = read_array(path, kind, page, axes=axes)
        return stored if stored.ndim == 3 else stored[..., None]
    if kind == "tiff":
        return decode_tiff(path, page, axes=axes)
    data = read_bytes(path)
    return decode_jpeg(path, data) if kind == "jpeg" else decode_opencv(path, data)
