"""Inputs of prediction, through the readers of training: pictures, arrays, volumes, TIFF stacks and Zarr arrays."""

from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from PIL import Image

from unet_lightning.prediction.plane import Source
from unet_lightning.prediction.tiff_source import open_tiff_source
from unet_lightning.prediction.zarr_source import open_zarr
from unet_lightning.reading.endings import ARRAYS, NIFTI, TIFF, ends_in
from unet_lightning.reading.failure import broken, refuse_claim
from unet_lightning.reading.guard import check_file, reading
from unet_lightning.reading.image import as_channels, read_image
from unet_lightning.reading.nifti import volume_shape

ORIENTATION = 0x0112


def open_source(path: Path, channels: int, wanted: int | None = None) -> Source:
    """An input by its header, as far as it has one; InputError where it is none, and for a pipe or a device.

    channels: what the network takes. wanted: turn grey to colour or colour to grey, as data.channels does in training.
    """
    if path.is_dir():
        return open_zarr(path, channels)
    check_file(path)
    if ends_in(path, TIFF):
        return open_tiff_source(path, wanted)
    if ends_in(path, NIFTI):
        return _open_volume(path, wanted)
    return _open_array(path, wanted) if ends_in(path, ARRAYS) else _open_picture(path, wanted)


def _open_picture(path: Path, wanted: int | None) -> Source:
    try:
        with Image.open(path) as picture:
            (width, height), bands, mode = picture.size, len(picture.getbands()), picture.mode
            if picture.format == "JPEG" and picture.getexif().get(ORIENTATION, 1) >= 5:  # it is turned upright
                width, height = height, width
    except Exception as error:  # Pillow raises many kinds for a broken file
        raise broken(path, f"not a readable picture ({str(error).split(' <')[0]})") from None
    refuse_claim(path, width * height, path.stat().st_size)
    itemsize = 1 if mode in ("1", "L", "P", "RGB", "RGBA", "LA") else 4
    return Source(path, (1, height, width, 1 if bands < 3 else 3), itemsize, lambda _: _read(path, None, wanted))


def _open_array(path: Path, wanted: int | None) -> Source:
    """A .npy or .mat file; it is read for its shape."""
    with reading(path):
        image = read_image(path)
    height, width, bands = image.shape
    return Source(path, (1, height, width, bands), image.itemsize, lambda _: _read(path, None, wanted))


def _open_volume(path: Path, wanted: int | None) -> Source:
    """Every slice of a NIfTI volume is a page; a single picture is one."""
    with reading(path):
        pages, height, width, bands = volume_shape(path)

    def page(number: int) -> Any:
        return _read(path, None if pages is None else number, wanted)

    return Source(path, (pages or 1, height, width, bands), 4, page, stack=pages is not None, volume=True)


def _read(path: Path, page: int | None, wanted: int | None) -> NDArray[Any]:
    """(H, W, C), as training reads it."""
    with reading(path):
        return as_channels(read_image(path, page), wanted)
