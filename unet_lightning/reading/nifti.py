"""NIfTI volumes and their slices."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_lightning.error import InputError
from unet_lightning.reading.failure import broken, missing
from unet_lightning.reading.optional import require


def slices(path: Path) -> int | None:
    """The number of axial slices of a volume, from foot to head; None for a single picture. Reads only the header."""
    image = _open(path)
    return int(image.shape[_axis(image)]) if len(image.shape) > 2 else None


def same_size(volume: Path, label: Path) -> bool:
    """Whether a label fits a volume, a fourth axis of which holds its channels. Reads the headers alone."""
    return bool(_open(volume).shape[:3] == _open(label).shape)


def read_slice(path: Path, page: int | None) -> NDArray[Any]:
    """Axial slice `page`, (H, W) as stored, or (H, W, C) with the fourth axis of a series as channels."""
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
    """A volume in its stored type, memory-mapped or decoded, and its axis from foot to head; or the error."""
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
