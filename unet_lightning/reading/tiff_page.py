"""What the tags of a TIFF page say of its numbers: white as 0, palettes, alpha, orientation, pixels without data."""

import math
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_lightning.error import InputError
from unet_lightning.reading.alpha import opaque
from unet_lightning.reading.failure import broken
from unet_lightning.reading.upright import ORIENTATION, orientation_of

ALPHA = (1, 2)  # values of the tag ExtraSamples: associated and unassociated alpha (TIFF 6.0)
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, MASK, YCBCR = 0, 1, 2, 3, 4, 6  # of PhotometricInterpretation
MEANT = (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, MASK, 32803, 34892)  # the last two: raw data of cameras
JPEG = (6, 7, 34892, 33007)  # compressions whose decoder gives RGB for YCbCr
NODATA, GDAL_METADATA = 42113, 42112
# tags without which pixels would be read in another way
NEEDED = {
    *range(256, 260),
    262,
    266,
    270,
    273,
    274,
    *range(277, 280),
    284,
    317,
    320,
    *range(322, 326),
    338,
    339,
    NODATA,
}


def alphas(page: Any) -> int:
    """How many channels a page of a TIFF declares as alpha."""
    return sum(kind in ALPHA for kind in page.extrasamples)


def orientation(page: Any) -> int:
    """1 to 8, as `upright` takes it."""
    tag = page.tags.get(ORIENTATION)
    return orientation_of(tag.value) if tag is not None else 1


def nodata(page: Any) -> float | None:
    """The number that stands for pixels without data, as GDAL writes it; None where there is none."""
    tag = page.tags.get(NODATA)
    try:
        return None if tag is None else float(str(tag.value).strip("\0 "))
    except ValueError:
        return None


def converted(picture: NDArray[Any], page: Any, numbers: bool = False) -> NDArray[Any]:
    """Stored numbers (H, W, C) to what they mean: 0 is black, colours of a palette in place of its indices unless these
    are wanted, alpha dropped unless it holds the numbers; a masked array where the page has pixels without data.
    """
    alpha = alphas(page)
    if alpha:
        picture = opaque(picture) if numbers and alpha == 1 else picture[..., : picture.shape[2] - alpha]
        picture = picture if picture.ndim == 3 else picture[..., None]
    without = _without_data(picture, nodata(page))
    if page.photometric == WHITE_IS_ZERO:
        picture = ~picture if picture.dtype == bool else (2**page.bitspersample - 1 - picture).astype(picture.dtype)
    if page.photometric == PALETTE and not numbers:
        colors = np.asarray(page.colormap)
        colors = colors >> 8 if colors.max() > 255 else colors  # some writers give 8 bit
        picture = colors.astype(np.uint8).T[picture[..., 0]]
    if without is None or not without.any():
        return picture
    return np.ma.masked_array(picture, np.broadcast_to(without[..., None], picture.shape))


def _without_data(picture: NDArray[Any], value: float | None) -> NDArray[np.bool_] | None:
    """(H, W), true where all channels hold the number that stands for no data, or any holds NaN, if that is the number.

    A colour may hold it in one channel: pure green is (0, 255, 0), black of a scan without data (0, 0, 0).
    """
    if value is None:
        return None
    if np.isnan(value):
        return np.isnan(picture).any(2) if picture.dtype.kind == "f" else None
    if picture.dtype.kind == "f":
        with np.errstate(over="ignore"):
            found: NDArray[np.bool_] = (picture == picture.dtype.type(value)).all(2)
        return found
    return (picture == int(value)).all(2) if np.isfinite(value) and value == int(value) else None


def check_page(path: Path, page: Any, size: int) -> None:
    """InputError for a page that is cut off, or whose numbers mean colours nobody here converts."""
    key = page.keyframe  # the page of a stack that holds the tags of the others
    lost = sorted(NEEDED & set(_codes(page)) - {tag.code for tag in page.tags}) if page is key else []
    if lost:
        raise broken(path, f"damaged or truncated, its tag {lost[0]} can't be read")
    stored, wanted = min(len(page.dataoffsets), len(page.databytecounts)), math.prod(key.chunked)
    if stored < wanted:
        raise broken(path, f"damaged or truncated, it names {stored} of {wanted} strips or tiles")
    places = list(zip(page.dataoffsets, page.databytecounts, strict=False))[:wanted]
    sparse = GDAL_METADATA in key.tags or NODATA in key.tags  # GDAL leaves out strips that are empty
    if any(not count and not (sparse and not offset) for offset, count in places):
        raise broken(path, "damaged or truncated, a strip or tile of it has no bytes")
    last = max(offset + count for offset, count in places)
    if last > size:
        raise broken(path, f"truncated after {size} bytes of {last}")
    meant = key.photometric in MEANT or (key.photometric == YCBCR and key.compression in JPEG)
    if key.photometric == WHITE_IS_ZERO:
        meant = key.dtype.kind in "bu" and isinstance(key.bitspersample, int)
    if not meant:
        name = getattr(key.photometric, "name", key.photometric)
        raise InputError(f"{path}: colours as {name} of {key.dtype}; expected grey, palette or RGB; store it as RGB")


def check_chain(path: Path, file: Any, size: int) -> None:
    """InputError where the directory of a further page lies beyond the end: a stack that is cut off looks shorter."""
    seen: set[int] = set()
    place = file.pages.first.offset
    while place and place not in seen:
        if place + file.tiff.tagnosize > size:
            raise broken(path, f"truncated after {size} bytes, its page {len(seen) + 1} begins at {place}")
        seen.add(place)
        end = _entries(file, place)[1]
        place = int.from_bytes(end, "little" if file.byteorder == "<" else "big")


def _entries(file: Any, place: int) -> tuple[bytes, bytes]:
    """The entries of the directory at a place, and where the next one lies."""
    form = file.tiff
    file.filehandle.seek(place)
    number = struct.unpack(form.tagnoformat, file.filehandle.read(form.tagnosize))[0]
    entries = file.filehandle.read(number * form.tagsize)
    return entries, file.filehandle.read(form.offsetsize)


def _codes(page: Any) -> list[int]:
    """The codes of all tags in the page's directory, those too that can't be read."""
    entries, size = _entries(page.parent, page.offset)[0], page.parent.tiff.tagsize
    return [struct.unpack(page.parent.byteorder + "H", entries[k : k + 2])[0] for k in range(0, len(entries) - 1, size)]
