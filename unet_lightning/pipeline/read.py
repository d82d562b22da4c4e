"""From a record's files to a native sample. Whatever is wrong with a file is an InputError that names it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from unet_lightning.error import InputError
from unet_lightning.record import Record
from unet_lightning.sample import Sample, to_sample

TIFF = (".tif", ".tiff")
JPEG = (".jpg", ".jpeg")
PNG = b"\x89PNG"
BROKEN = "copy the file again from its source, or take it out of the data set"


def read_files(
    record: Record, classes: int, ignore: int | None = None, label_values: Mapping[int, int] | None = None
) -> Sample:
    """The sample of a record whose image, mask and instances are picture files."""
    image = read_image(record.image)
    mask = None if record.mask is None else read_label(record.mask)
    instances = None if record.instances is None else read_label(record.instances)
    try:
        return to_sample(image, classes, mask, instances, ignore, dict(label_values) if label_values else None)
    except InputError as error:
        raise InputError(f"{record.mask or record.instances or record.image}: {error}") from None


def read_image(path: Path) -> NDArray[Any]:
    """(H, W, C) in the file's own dtype: RGB order, EXIF orientation applied.

    Alpha is dropped: the fourth channel of a PNG, the second of a grey one, and of a TIFF what it declares as alpha.
    A further channel of a TIFF without that declaration is a channel.
    """
    if path.suffix.lower() in TIFF:
        return _read_tiff(path)
    data = _bytes(path)
    _whole(path, data)
    flags = cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH if path.suffix.lower() in JPEG else cv2.IMREAD_UNCHANGED
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        image = None
    if image is None:
        raise InputError(f"{path}: not a readable picture; {BROKEN}")
    image = image if image.ndim == 3 else image[..., None]
    if image.shape[2] == 1 or _grey_alpha(data):
        return np.ascontiguousarray(image[..., :1])
    return np.ascontiguousarray(image[..., 2::-1])  # BGR or BGRA to RGB


def read_label(path: Path) -> NDArray[Any]:
    """(H, W) stored integers of a grey or palette picture (a palette's indices), 8 to 32 bit."""
    if path.suffix.lower() in TIFF:
        label = _read_tiff(path)
        if label.shape[2] != 1:
            raise InputError(f"{path}: {label.shape[2]} channels; expected one integer a pixel")
        return label[..., 0]
    data = _bytes(path)
    _whole(path, data)
    try:
        with Image.open(path) as picture:
            label = np.asarray(picture)
    except OSError as error:
        raise InputError(f"{path}: {error}; {BROKEN}") from None
    if label.ndim != 2:
        raise InputError(f"{path}: {label.shape[2]} channels; expected one class id or object number a pixel")
    return label.astype(np.uint8) if label.dtype == bool else label


def _read_tiff(path: Path) -> NDArray[Any]:
    _bytes(path)
    try:
        with tifffile.TiffFile(path) as file:
            page = file.pages.first
            image, extra = page.asarray(), tuple(page.extrasamples)
            planar = page.planarconfig == tifffile.PLANARCONFIG.SEPARATE and image.ndim == 3
    except Exception as error:  # tifffile raises many kinds for a broken file
        raise InputError(f"{path}: {error}; {BROKEN}") from None
    image = np.moveaxis(image, 0, -1) if planar else image
    image = image if image.ndim == 3 else image[..., None]
    alpha = sum(kind in (tifffile.EXTRASAMPLE.ASSOCALPHA, tifffile.EXTRASAMPLE.UNASSALPHA) for kind in extra)
    return np.ascontiguousarray(image[..., : image.shape[2] - alpha])


def _bytes(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; correct the manifest, or add the file") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; make the file readable") from None
    if not data:
        raise InputError(f"{path}: empty file; {BROKEN}")
    return data


def _grey_alpha(data: bytes) -> bool:
    """Whether these are the bytes of a grey PNG with alpha, which OpenCV expands to four channels."""
    return data[:4] == PNG and data[25] == 4


def _whole(path: Path, data: bytes) -> None:
    """Refuse a truncated PNG or JPEG, which OpenCV returns as a full picture, partly grey."""
    if data[:4] == PNG:
        whole = data.rfind(b"IEND") >= 0
    elif data[:2] == b"\xff\xd8":
        whole = data.rfind(b"\xff\xd9") > data.rfind(b"\xff\xda")
    else:
        return
    if not whole:
        raise InputError(f"{path}: truncated after {len(data)} bytes; {BROKEN}")
