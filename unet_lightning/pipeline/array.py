"""Files of numbers: NumPy's .npy, MATLAB's .mat, NIfTI volumes and their slices."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import io

from unet_lightning.error import InputError
from unet_lightning.pipeline.optional import needed

NIFTI = (".nii", ".nii.gz")
ARRAYS = (".npy", ".mat", *NIFTI)
BROKEN = "copy the file again from its source, or take it out of the data set"


def is_nifti(path: Path) -> bool:
    """Whether a name ends like a volume's."""
    return path.name.lower().endswith(NIFTI)


def is_array(path: Path) -> bool:
    """Whether a name ends like a file of numbers."""
    return path.name.lower().endswith(ARRAYS)


def read_array(path: Path, page: int | None = None, variable: str | None = None) -> NDArray[Any]:
    """The numbers of a file as stored, (H, W) or (H, W, C); slice `page` of a volume; `variable` of a .mat file."""
    if is_nifti(path):
        return _slice(path, page)
    return read_mat(path, variable) if path.suffix.lower() == ".mat" else _npy(path)


def _npy(path: Path) -> NDArray[Any]:
    try:
        found: NDArray[Any] = np.array(np.load(path, mmap_mode="r", allow_pickle=False))  # a map checks the size first
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; add the file") from None
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path}: {_first_line(error)}; {BROKEN}") from None
    if not isinstance(found, np.ndarray) or found.ndim not in (2, 3) or found.dtype.kind not in "buif":
        raise InputError(f"{path}: not rows and columns of numbers; store (H, W) or (H, W, C)")
    return found


def read_mat(path: Path, variable: str | None) -> NDArray[Any]:
    """A variable of a MATLAB file up to version 7; without a name, the only array of rows and columns."""
    content = mat_variables(path)
    arrays = {
        k: v for k, v in content.items() if getattr(v, "ndim", 0) == 2 and min(v.shape) > 1 and v.dtype.kind in "buif"
    }
    if variable is None and len(arrays) == 1:
        variable = next(iter(arrays))
    if variable not in arrays:
        names = ", ".join(sorted(arrays)) or "no array of rows and columns"
        raise InputError(f"{path} holds {names}; expected the label in data.variable={variable}; set data.variable")
    found: NDArray[Any] = arrays[variable]
    return found


def mat_variables(path: Path) -> Mapping[str, Any]:
    """All variables of a MATLAB file by name."""
    try:
        with path.open("rb") as file:
            found: dict[str, Any] = io.loadmat(file)  # type: ignore[attr-defined, no-untyped-call]
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; add the file") from None
    except NotImplementedError:
        raise InputError(f"{path} is of MATLAB 7.3; save it again with the flag -v7") from None
    except Exception as error:  # scipy raises many kinds for a broken file
        raise InputError(f"{path}: {_first_line(error)}; {BROKEN}") from None
    return {name: value for name, value in found.items() if not name.startswith("__")}


def slices(path: Path) -> int | None:
    """How many slices a volume has along the body's axis; None for a single picture. Reads the header alone."""
    image = _open(path)
    return int(image.shape[_axis(image)]) if len(image.shape) > 2 else None


def same_size(volume: Path, label: Path) -> bool:
    """Whether a label fits a volume, a fourth axis of which holds its channels. Reads the headers alone."""
    return bool(_open(volume).shape[:3] == _open(label).shape)


def _slice(path: Path, page: int | None) -> NDArray[Any]:
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
        return InputError(f"{path}: {_first_line(error)}; {BROKEN}")


def _open(path: Path) -> Any:
    nibabel = needed("nibabel", "nifti")
    try:
        image = nibabel.load(path)
        if len(image.shape) not in (2, 3, 4) or 0 in image.shape:
            raise ValueError(f"a volume of {image.shape}")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; add the file") from None
    except Exception as error:  # nibabel and gzip raise many kinds for a broken file
        raise InputError(f"{path}: {_first_line(error)}; {BROKEN}") from None
    return image


def _axis(image: Any) -> int:
    """The axis that runs between foot and head, so that slices are axial; the third where the file doesn't say."""
    codes = needed("nibabel", "nifti").aff2axcodes(image.affine)
    return next((k for k, code in enumerate(codes) if code in ("S", "I")), 2)


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
