"""Inputs of prediction, through the readers of training: pictures, arrays, volumes, TIFF stacks and Zarr arrays."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from PIL import Image

from unet_lightning.prediction.plane import Source
from unet_lightning.prediction.tiff_source import open_tiff_source
from unet_lightning.prediction.zarr_source import open_zarr
from unet_lightning.reading.array import ARRAYS
from unet_lightning.reading.bitmap import stored_orientation
from unet_lightning.reading.failure import broken, refuse_claim
from unet_lightning.reading.format import format_of
from unet_lightning.reading.guard import check_file, reading
from unet_lightning.reading.image import as_channels, read_image
from unet_lightning.reading.nifti import volume_shape
from unet_lightning.reading.pixel_size import pixel_size
from unet_lightning.reading.upright import TURNED


def open_source(path: Path, channels: int, wanted: int | None = None, axes: str | None = None) -> Source:
    """An input by its header, as far as it has one; InputError where it is none, and for a pipe or a device.

    channels: what the network takes. wanted: turn grey to colour or colour to grey, as data.channels does in training.
    axes: data.axes, in upper case.
    """
    if path.is_dir():
        return open_zarr(path, channels, wanted, axes)
    check_file(path)
    kind = format_of(path)
    if kind == "tiff":
        return open_tiff_source(path, wanted, axes)
    if kind == "nifti":
        return replace(_open_volume(path, wanted), pixel_size=pixel_size(path))
    return _open_array(path, wanted, axes) if kind in ARRAYS else _open_picture(path, wanted)


def _open_picture(path: Path, wanted: int | None) -> Source:
    try:
        with Image.open(path) as picture:
            (width, height), bands, mode = picture.size, len(picture.getbands()), picture.mode
            if stored_orientation(picture, path.read_bytes() if picture.format == "PNG" else b"") >= TURNED:
                width, height = height, width
    except Exception as error:  # Pillow raises many kinds for a broken file
        raise broken(path, f"not a readable picture ({str(error).split(' <')[0]})") from None
    refuse_claim(path, width * height, path.stat().st_size)
    itemsize = 1 if mode in ("1", "L", "P", "RGB", "RGBA", "LA") else 4
    return Source(path, (1, height, width, 1 if bands < 3 else 3), itemsize, lambda _: _read(path, wanted))


def _open_array(path: Path, wanted: int | None, axes: str | None) -> Source:
    """A .npy or .mat file; it is read for its shape."""
    with reading(path):
        image = read_image(path, axes=axes)
    height, width, bands = image.shape
    return Source(path, (1, height, width, bands), image.itemsize, lambda _: _read(path, wanted, axes=axes))


def _open_volume(path: Path, wanted: int | None) -> Source:
    """Every slice of a NIfTI volume is a page; a single picture is one."""
    with reading(path):
        pages, height, width, bands = volume_shape(path)

    def page(number: int) -> Any:
        return _read(path, wanted, None if pages is None else number)

    return Source(path, (pages or 1, height, width, bands), 4, page, stack=pages is not None, volume=True)


def _read(path: Path, wanted: int | None, page: int | None = None, axes: str | None = None) -> NDArray[Any]:
    """(H, W, C), as training reads it."""
    with reading(path):
        return as_channels(read_image(path, page, axes), wanted)
