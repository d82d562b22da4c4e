"""What a file is by its first bytes, whatever its name says."""

import gzip
import zlib
from pathlib import Path
from typing import Literal

from unet_lightning.reading.endings import NIFTI, TIFF, ends_in

SIGNS = {
    b"\x89PNG\r\n\x1a\n": "png",
    b"\xff\xd8\xff": "jpeg",
    b"II*\0": "tiff",
    b"MM\0*": "tiff",
    b"II+\0": "tiff",
    b"MM\0+": "tiff",
    b"BM": "bitmap",
    b"GIF8": "bitmap",
    b"RIFF": "bitmap",  # WebP
    b"\x93NUMPY": "npy",
    b"MATLAB": "mat",
    b"\x89HDF": "mat",  # of version 7.3
}
GZIP = b"\x1f\x8b"
ORDERS: tuple[Literal["little", "big"], ...] = ("little", "big")
NIFTI_1, NIFTI_2 = 348, 540  # bytes of a header, which is its first number


def format_of(path: Path) -> str:
    """One of png, jpeg, tiff, bitmap, npy, nifti, mat; by the name where the file is absent or its bytes say none."""
    if not path.is_file():  # a pipe or a device, which a reader refuses before it is opened
        return _by_name(path)
    try:
        with path.open("rb") as file:
            start = file.read(352)
            if start.startswith(GZIP):
                file.seek(0)
                start = gzip.GzipFile(fileobj=file).read(352)
    except (OSError, EOFError, zlib.error):
        start = b""
    found = next((kind for sign, kind in SIGNS.items() if start.startswith(sign)), None)
    if found is None and any(int.from_bytes(start[:4], order) in (NIFTI_1, NIFTI_2) for order in ORDERS):
        found = "nifti"
    return found or _by_name(path)


def _by_name(path: Path) -> str:
    """What the name says."""
    if ends_in(path, NIFTI):
        return "nifti"
    return "tiff" if ends_in(path, TIFF) else {".npy": "npy", ".mat": "mat"}.get(path.suffix.lower(), "bitmap")
