"""PNG, JPEG, BMP, GIF, WebP: decoded, or refused where they are truncated or damaged."""

import zlib
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unet_lightning.reading.alpha import opaque
from unet_lightning.reading.failure import broken, refuse_claim
from unet_lightning.reading.guard import check_file, reading
from unet_lightning.reading.upright import ORIENTATION, orientation_of, upright

PNG = b"\x89PNG\r\n\x1a\n"
Image.MAX_IMAGE_PIXELS = None  # our own limit looks at the size of the file, not of the picture
GREY = ("1", "L", "P", "I", "I;16", "I;16B", "F")  # Pillow's modes with one number per pixel


def decode_opencv(path: Path, data: bytes) -> NDArray[Any]:
    """PNG, BMP and whatever else OpenCV reads, upright, (H, W, C)."""
    check_png(path, data)
    orientation = check_claim(path, data)
    image: Any = None
    with suppress(cv2.error):
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise broken(path, "not a readable picture")
    image = image if image.ndim == 3 else image[..., None]
    grey_with_alpha = data.startswith(PNG) and data[25] == 4  # which OpenCV expands to four channels
    single = image.shape[2] == 1 or grey_with_alpha
    decoded: NDArray[Any] = image[..., :1] if single else image[..., 2::-1]  # BGR or BGRA to RGB
    return upright(decoded, orientation)


def decode_jpeg(path: Path, data: bytes) -> NDArray[Any]:
    """By Pillow, which refuses a truncated file; OpenCV returns it as a full picture, partly grey."""
    orientation = check_claim(path, data)
    with reading(path), Image.open(BytesIO(data)) as picture:
        image = np.asarray(picture if picture.mode in ("L", "RGB") else picture.convert("RGB"))
    return upright(image if image.ndim == 3 else image[..., None], orientation)


def decode_label(path: Path, data: bytes, in_color: bool) -> NDArray[Any]:
    """(H, W) numbers or a palette's indices, or (H, W, 3) colours, upright; the alpha of a picture of one colour."""
    check_png(path, data)
    orientation = check_claim(path, data)
    with reading(path), Image.open(BytesIO(data)) as picture:
        if picture.mode in ("LA", "RGBA") and not in_color:
            return upright(opaque(np.asarray(picture)), orientation)
        colored = in_color or picture.mode not in GREY
        return upright(np.asarray(picture.convert("RGB") if colored else picture), orientation)


def read_bytes(path: Path) -> bytes:
    """What a file holds; InputError where it is absent, unreadable or empty."""
    check_file(path)
    with reading(path):
        data = path.read_bytes()
    if not data:
        raise broken(path, "empty file")
    return data


def check_png(path: Path, data: bytes) -> None:
    """Refuse a PNG that is truncated or damaged, which OpenCV returns as a full picture: every chunk has a checksum."""
    if not data.startswith(PNG):
        return
    start, name = len(PNG), b""
    while name != b"IEND":
        length = int.from_bytes(data[start : start + 4], "big")
        name, end = data[start + 4 : start + 8], start + 8 + length
        if end + 4 > len(data):
            raise broken(path, f"truncated after {len(data)} bytes")
        if zlib.crc32(data[start + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
            raise broken(path, f"damaged, the checksum of its part {name!r} is wrong")
        start = end + 4


def check_claim(path: Path, data: bytes) -> int:
    """Refuse a header that claims far more pixels than the file can hold, before memory is taken for them.

    Gives the picture's orientation, as `upright` takes it.
    """
    with reading(path), Image.open(BytesIO(data)) as picture:
        width, height = picture.size
        refuse_claim(path, width * height, len(data))
        return stored_orientation(picture, data)


def stored_orientation(picture: Image.Image, data: bytes) -> int:
    """1 to 8 of an opened picture. Of a PNG Pillow decodes all pixels to look for it, so we look first."""
    if picture.format == "PNG" and not any(sign in data for sign in (b"eXIf", b"Raw profile type", b"XML:com.adobe")):
        return 1
    return orientation_of(picture.getexif().get(ORIENTATION, 1))
