"""From a record's files to a native sample. Whatever is wrong with a file is an InputError that names it."""

import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageOps

from unet_lightning.error import InputError
from unet_lightning.label import Coding
from unet_lightning.pipeline.array import BROKEN, is_array, read_array
from unet_lightning.record import Record
from unet_lightning.sample import Sample, to_sample

TIFF = (".tif", ".tiff")
PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8"
GREY = ("1", "L", "P", "I", "I;16", "I;16B", "F")  # Pillow's modes of one number a pixel
KEPT = ("uint8", "uint16", "int16", "float32")  # what OpenCV resamples; the rest becomes float32
MOST_PIXELS_A_BYTE = 10_000  # the best compression of one colour has 8,256 pixels a byte

Image.MAX_IMAGE_PIXELS = None  # our own limit looks at the size of the file, not of the picture


def read_files(record: Record, coding: Coding, channels: int | None = None, variable: str | None = None) -> Sample:
    """The sample of a record whose image, mask and instances are files of numbers or colours.

    channels: 1 turns colour to grey, 3 repeats grey; None leaves the image as it is. variable: of a .mat label.
    """
    image = read_image(record.image, record.page)
    in_color = coding.colors is not None
    mask = None if record.mask is None else read_label(record.mask, in_color, record.page, variable)
    instances = None if record.instances is None else read_label(record.instances, False, record.page, variable)
    return labelled(record, as_channels(image, channels), coding, mask, instances)


def decoded(path: Path, coding: Coding) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Class ids and valid (H, W) of a mask file, which is named where it holds what the coding doesn't know."""
    stored = read_label(path, in_color=coding.colors is not None)
    try:
        return coding.decode(stored)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def labelled(
    record: Record,
    image: NDArray[Any],
    coding: Coding,
    mask: NDArray[Any] | None = None,
    instances: NDArray[Any] | None = None,
) -> Sample:
    """`to_sample`, with the label's file named in its InputError."""
    try:
        return to_sample(image, coding, mask, instances)
    except InputError as error:
        page = "" if record.page is None else f", slice {record.page}"
        raise InputError(f"{record.mask or record.instances or record.image}{page}: {error}") from None


def as_channels(image: NDArray[Any], channels: int | None) -> NDArray[Any]:
    """(H, W, C) with as many channels as wanted: grey from colour by luminance, colour from grey by repetition."""
    stored = image.shape[2]
    if channels is None or stored == channels:
        return image
    if stored not in (1, 3):
        raise InputError(f"{stored} channels can't become data.channels={channels}; set data.channels=null")
    if stored == 1:
        return np.repeat(image, channels, 2)
    grey = cv2.cvtColor(image.astype(np.float32), cv2.COLOR_RGB2GRAY)
    whole = np.issubdtype(image.dtype, np.integer)
    return (np.round(grey) if whole else grey).astype(image.dtype)[..., None]


def read_image(path: Path, page: int | None = None) -> NDArray[Any]:
    """(H, W, C) in RGB order, a JPEG turned upright; 8 and 16 bit and float32 as stored, other types as float32.

    Alpha is dropped: the fourth channel of a PNG or BMP, the second of a grey PNG, and of a TIFF what it declares as
    alpha. A further channel of a TIFF without that declaration is a channel. page: of a TIFF stack or a volume.
    """
    image = _decode_image(path, page)
    return np.ascontiguousarray(image if image.dtype.name in KEPT else image.astype(np.float32))


def _decode_image(path: Path, page: int | None) -> NDArray[Any]:
    """(H, W, C) of any type."""
    if is_array(path):
        stored = read_array(path, page)
        return stored if stored.ndim == 3 else stored[..., None]
    data = _bytes(path)
    if path.suffix.lower() in TIFF:
        return _decode_tiff(path, page)
    return _decode_jpeg(path, data) if data.startswith(JPEG) else _decode(path, data)


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
    if is_array(path):
        return read_array(path, page, variable)
    data = _bytes(path)
    if path.suffix.lower() in TIFF:
        return _decode_tiff(path, page)
    _check_png(path, data)
    _check_claim(path, data)
    try:
        with Image.open(BytesIO(data)) as picture:
            colored = in_color or picture.mode not in GREY
            return np.asarray(picture.convert("RGB") if colored else picture)
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError(f"{path}: {_reason(error)}; {BROKEN}") from None


def _decode(path: Path, data: bytes) -> NDArray[Any]:
    """PNG, BMP and whatever else OpenCV reads, (H, W, C)."""
    _check_png(path, data)
    _check_claim(path, data)
    try:
        image: Any = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        image = None
    if image is None:
        raise InputError(f"{path}: not a readable picture; {BROKEN}")
    image = image if image.ndim == 3 else image[..., None]
    grey_with_alpha = data.startswith(PNG) and data[25] == 4  # which OpenCV expands to four channels
    single = image.shape[2] == 1 or grey_with_alpha
    decoded: NDArray[Any] = image[..., :1] if single else image[..., 2::-1]  # BGR or BGRA to RGB
    return decoded


def _decode_jpeg(path: Path, data: bytes) -> NDArray[Any]:
    """By Pillow, which refuses a truncated file; OpenCV returns it as a full picture, partly grey."""
    _check_claim(path, data)
    try:
        with Image.open(BytesIO(data)) as picture:
            upright = ImageOps.exif_transpose(picture)
            image = np.asarray(upright if upright.mode in ("L", "RGB") else upright.convert("RGB"))
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError(f"{path}: {_reason(error)}; {BROKEN}") from None
    return image if image.ndim == 3 else image[..., None]


def tiff_pages(path: Path) -> int:
    """How many pictures a TIFF stack holds."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; add the file")
    with check_tiff(path) as file:
        return len(file.pages)


def _decode_tiff(path: Path, page: int | None = None) -> NDArray[Any]:
    """The first series of a TIFF or a page of it, channels last; without a page, stacks of pictures are refused."""
    with check_tiff(path) as file:
        try:
            series: Any = file.series[0] if page is None else file.pages[page]
            image: NDArray[Any] = series.asarray()
            axes: str = series.axes
        except Exception as error:  # tifffile raises many kinds for a broken file
            raise InputError(f"{path}: {_reason(error)}; {BROKEN}") from None
        alpha = alphas(series.keyframe)
    kept = [k for k, name in enumerate(axes) if name in "YXCS" or image.shape[k] > 1]
    image, axes = image.reshape([image.shape[k] for k in kept]), "".join(axes[k] for k in kept)
    channels = [k for k, name in enumerate(axes) if name in "CS"]
    if len(axes) - len(channels) != 2 or len(channels) > 1:
        raise InputError(
            f"{path}: axes {axes} of {image.shape}; expected one picture of rows and columns (YX), with or without "
            "channels (CYX, YXS); write each picture of a stack to a file of its own"
        )
    image = np.moveaxis(image, channels[0], -1) if channels else image[..., None]
    return image[..., : image.shape[2] - alpha]


def check_tiff(path: Path) -> tifffile.TiffFile:
    """A TIFF, opened; InputError where it is none, is truncated or claims more pixels than it can hold."""
    try:
        file = tifffile.TiffFile(path)
        series = file.series[0]
        refuse_claim(path, int(np.prod(series.shape, dtype=object)), path.stat().st_size)
        pages = [page for page in series.pages if page is not None]
        last = max(a + b for page in pages for a, b in zip(page.dataoffsets, page.databytecounts, strict=True))
        if last > path.stat().st_size:
            raise InputError(f"{path}: truncated after {path.stat().st_size} bytes of {last}; {BROKEN}")
    except InputError:
        raise
    except Exception as error:  # tifffile raises many kinds for a broken file
        raise InputError(f"{path}: {_reason(error)}; {BROKEN}") from None
    return file


def alphas(page: Any) -> int:
    """How many channels a page of a TIFF declares as alpha."""
    return sum(kind in (tifffile.EXTRASAMPLE.ASSOCALPHA, tifffile.EXTRASAMPLE.UNASSALPHA) for kind in page.extrasamples)


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


def _check_png(path: Path, data: bytes) -> None:
    """Refuse a PNG that is truncated or damaged, which OpenCV returns as a full picture: every chunk has a checksum."""
    if not data.startswith(PNG):
        return
    start, name = len(PNG), b""
    while name != b"IEND":
        length = int.from_bytes(data[start : start + 4], "big")
        name, end = data[start + 4 : start + 8], start + 8 + length
        if end + 4 > len(data):
            raise InputError(f"{path}: truncated after {len(data)} bytes; {BROKEN}")
        if zlib.crc32(data[start + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
            raise InputError(f"{path}: damaged, the checksum of its part {name!r} is wrong; {BROKEN}")
        start = end + 4


def _check_claim(path: Path, data: bytes) -> None:
    """Refuse a header that claims far more pixels than the file can hold, before memory is taken for them."""
    try:
        with Image.open(BytesIO(data)) as picture:
            width, height = picture.size
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError(f"{path}: {_reason(error)}; {BROKEN}") from None
    refuse_claim(path, width * height, len(data))


def refuse_claim(path: Path, pixels: int, size: int) -> None:
    """InputError for more pixels than a file of this size can hold."""
    if pixels > MOST_PIXELS_A_BYTE * size:
        raise InputError(f"{path}: claims {pixels:,} pixels in {size:,} bytes, which no picture holds; {BROKEN}")


def _reason(error: BaseException) -> str:
    """The first line of an error, without the name of a buffer in memory."""
    lines = str(error).split("<_io.BytesIO")[0].strip().splitlines()
    return lines[0] if lines else type(error).__name__
