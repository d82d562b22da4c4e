"""A label file of any format to stored numbers or colours."""

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unet_lightning.error import InputError
from unet_lightning.label import LabelEncoding
from unet_lightning.reading.array import read_array
from unet_lightning.reading.bitmap import GREY, check_claim, check_png, read_bytes
from unet_lightning.reading.endings import ARRAYS, TIFF, ends_in
from unet_lightning.reading.failure import broken
from unet_lightning.reading.tiff import decode_tiff


def decoded(path: Path, encoding: LabelEncoding) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Class ids and valid, (H, W), of a mask file; InputError with its name for values that the encoding lacks."""
    stored = read_label(path, in_color=encoding.colors is not None)
    try:
        return encoding.decode(stored)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def read_label(
    path: Path, in_color: bool = False, page: int | None = None, variable: str | None = None
) -> NDArray[Any]:
    """(H, W) stored numbers of a grey or palette picture (a palette's indices), 8 to 32 bit; (H, W, 3) of a colour one.

    in_color: give the colours of a palette instead of its indices. page: of a TIFF stack or a volume. variable: the
    array in a .mat file that holds several.
    """
    label = _decode_label(path, in_color, page, variable)
    if label.ndim == 3 and label.shape[2] == 1:
        label = label[..., 0]
    if label.ndim != 2 and label.shape[2] != 3:
        raise InputError(
            f"{path}: {label.shape[2]} channels; expected one class id or object number a pixel; store it so"
        )
    return label.astype(np.uint8) if label.dtype == bool else label


def _decode_label(path: Path, in_color: bool, page: int | None, variable: str | None) -> NDArray[Any]:
    """(H, W) or (H, W, C) as stored."""
    if ends_in(path, ARRAYS):
        return read_array(path, page, variable)
    data = read_bytes(path)
    if ends_in(path, TIFF):
        return decode_tiff(path, page)
    check_png(path, data)
    check_claim(path, data)
    try:
        with Image.open(BytesIO(data)) as picture:
            colored = in_color or picture.mode not in GREY
            return np.asarray(picture.convert("RGB") if colored else picture)
    except (OSError, SyntaxError, ValueError) as error:
        raise broken(path, error) from None
