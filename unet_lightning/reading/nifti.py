"""NIfTI volumes and their slices."""

from contextlib import nullcontext
from functools import lru_cache
from gzip import GzipFile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_lightning.error import InputError
from unet_lightning.reading.failure import broken, missing
from unet_lightning.reading.guard import check_file
from unet_lightning.reading.optional import require


def slices(path: Path) -> int | None:
    """How many slices a volume has along the body's axis; None for a single picture. Reads the header alone."""
    image = _open(path)
    return int(image.shape[_axis(image)]) if len(image.shape) > 2 else None


def volume_shape(path: Path) -> tuple[int | None, int, int, int]:
    """Slices (None for a single picture), rows, columns and channels, as slices are read. Reads the header alone."""
    image = _open(path)
    sizes = list(image.shape)
    pages = sizes.pop(_axis(image)) if len(sizes) > 2 else None
    rows, columns, channels = (*sizes, 1)[:3]
    return pages, rows, columns, channels


def write_volume(source: Path, target: Path, labels: NDArray[Any]) -> None:
    """A label of every voxel as NIfTI with the header, affine and orientation on disk of the volume it was made of.

    labels: (D, H, W) integers, or (1, H, W) of a single picture, as the slices of `source` are read. The file is
    compressed where that of the volume is.
    """
    image = _open(source)
    pages = volume_shape(source)[0]
    stored = labels[0] if pages is None else np.moveaxis(labels, 0, _axis(image))
    header = image.header.copy()
    header.set_data_dtype(labels.dtype)
    header.set_slope_inter(1, 0)
    header["cal_min"] = header["cal_max"] = 0  # the range to show was that of the image
    written = type(image)(stored, image.affine, header)
    with target.open("wb") as file:
        stream = GzipFile("", "wb", 6, file, mtime=0) if source.suffix.lower() == ".gz" else nullcontext(file)
        with stream as content:
            content.write(written.to_bytes())


def same_size(volume: Path, label: Path) -> bool:
    """Whether a label fits a volume, a fourth axis of which holds its channels. Reads the headers alone."""
    return bool(_open(volume).shape[:3] == _open(label).shape)


def read_slice(path: Path, page: int | None) -> NDArray[Any]:
    """Slice `page` across the body's axis, rows and columns as stored, the fourth axis of a series as channels."""
    opened = _volume(path, path.stat().st_mtime_ns if path.is_file() else 0)
    if isinstance(opened, InputError):
        raise opened
    volume, axis = opened
    if volume.ndim == 2:
        return np.array(volume)
    if page is None or page >= volume.shape[axis]:
        wanted = "a single picture" if page is None else f"slice {page}"
        raise InputError(f"{path} has {volume.shape[axis]} slices; expected {wanted}; give image and label one size")
    return np.array(volume.take(page, axis))


@lru_cache(maxsize=2)  # an image and its label: slices are read in turn, and each process opens a volume once
def _volume(path: Path, changed: int) -> tuple[NDArray[Any], int] | InputError:
    """A volume in the type it is stored in, mapped or decoded whole, and its axis from foot to head, or why not."""
    try:
        image = _open(path)
        proxy = image.dataobj
        plain = (proxy.slope, proxy.inter) == (1, 0)
        return proxy.get_unscaled() if plain else proxy.get_scaled(dtype=np.float32), _axis(image)
    except InputError as error:
        return error
    except Exception as error:  # nibabel and gzip raise many kinds for a broken file
        return broken(path, error)


def _open(path: Path) -> Any:
    nibabel = require("nibabel", "nifti")
    check_file(path)
    try:
        image = nibabel.load(path)
        if len(image.shape) not in (2, 3, 4) or 0 in image.shape:
            raise ValueError(f"a volume of {image.shape}")
    except FileNotFoundError:
        raise missing(path) from None
    except Exception as error:  # nibabel and gzip raise many kinds for a broken file
        raise broken(path, error) from None
    return image


def _axis(image: Any) -> int:
    """The axis that runs between foot and head, so that slices are axial; the third where the file doesn't say."""
    codes = require("nibabel", "nifti").aff2axcodes(image.affine)
    return next((k for k, code in enumerate(codes) if code in ("S", "I")), 2)
