"""A label file of any format to stored numbers or colours."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_lightning.error import InputError
from unet_lightning.label import LabelEncoding
from unet_lightning.reading.array import ARRAYS, read_array
from unet_lightning.reading.bitmap import decode_label, read_bytes
from unet_lightning.reading.format import format_of
from unet_lightning.reading.one_hot import from_one_hot
from unet_lightning.reading.tiff import decode_tiff


def decoded(path: Path, encoding: LabelEncoding) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Class ids and valid, (H, W), of a mask file; InputError with its name for values that the encoding lacks."""
    stored = read_label(path, in_color=encoding.colors is not None)
    try:
        return encoding.decode(stored)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def read_label(
    path: Path,
    in_color: bool = False,
    page: int | None = None,
    variable: str | None = None,
    classes: int | None = None,
    axes: str | None = None,
) -> NDArray[Any]:
    """(H, W) stored numbers of a grey or palette picture (a palette's indices), 8 to 32 bit; (H, W, 3) of a colour one.

    A masked array where a TIFF has pixels without data. in_color: give the colours of a palette instead of its indices.
    page: of a TIFF stack or a volume. variable: the array in a .mat file that holds several. classes: their number, of
    which an array may hold a channel each (one-hot). axes: `data.axes`, of arrays and stacks.
    """
    kind = format_of(path)
    label = _decode_label(path, kind, in_color, page, variable, axes)
    if label.dtype.kind not in "buif":
        raise InputError(f"{path}: numbers of type {label.dtype.name}; expected class ids; store them so")
    if label.ndim == 3 and label.shape[2] == 1:
        label = label[..., 0]
    if label.ndim == 3:
        label = np.ma.getdata(label)
    if label.ndim == 3 and classes is not None and not in_color and kind in (*ARRAYS, "tiff"):
        label = from_one_hot(path, label, classes)
    if label.ndim != 2 and label.shape[2] != 3:
        raise InputError(
            f"{path}: {label.shape[2]} channels; expected one class id or object number a pixel; store it so"
        )
    return label.astype(np.uint8) if label.dtype == bool else label


def _decode_label(
    path: Path, kind: str, in_color: bool, page: int | None, variable: str | None, axes: str | None
) -> NDArray[Any]:
    """(H, W) or (H, W, C) as stored."""
    if kind in ARRAYS:
        return _whole(read_array(path, kind, page, variable, axes))
    if kind == "tiff":
        return decode_tiff(path, page, not in_color, axes)
    return decode_label(path, read_bytes(path), in_color)


def _whole(label: NDArray[Any]) -> NDArray[Any]:
    """Numbers that are whole but for the rounding of a scale, such as 255 times 1/255, as whole; others as they are."""
    if label.dtype.kind != "f" or not np.isfinite(label).all():
        return label
    rounded = np.round(label)
    return rounded.astype(np.int64) if np.allclose(label, rounded, rtol=1e-6, atol=1e-3) else label
