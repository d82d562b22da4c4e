"""NIfTI volumes and their slices, scaled and turned as their headers say."""

import gzip
from contextlib import nullcontext
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_lightning.error import InputError
from unet_lightning.reading.endings import ends_in
from unet_lightning.reading.format import GZIP, NIFTI_2, ORDERS
from unet_lightning.reading.guard import check_file, reading
from unet_lightning.reading.optional import require

SAME_PLACE = 0.5  # of a voxel: how far a label may lie from its image, by their affines


@dataclass(frozen=True)
class Volume:
    """A header. shape: as stored. orientation: (3, 2), for each stored axis the axis left-right, back-front or
    foot-head that it runs along, and 1, or -1 where it runs from right, front or head. affine: (4, 4) of voxels that
    are turned so, to mm; stated: whether the file gives one. slope, intercept: of stored values.
    """

    proxy: Any
    shape: tuple[int, ...]
    orientation: NDArray[np.int64]
    affine: NDArray[np.float64]
    stated: bool
    slope: float
    intercept: float

    @property
    def turned_shape(self) -> tuple[int, ...]:
        """The sizes from left to right, back to front and foot to head; a single picture has one slice."""
        sizes = (*self.shape[:3], 1)[:3]
        return tuple(sizes[int(np.flatnonzero(self.orientation[:, 0] == axis)[0])] for axis in range(3))


def slices(path: Path) -> int | None:
    """How many slices a volume has from foot to head; None for a single picture. Reads the header alone."""
    volume = _open(path)
    return volume.turned_shape[2] if len(volume.shape) > 2 else None


def volume_shape(path: Path) -> tuple[int | None, int, int, int]:
    """Slices (None for a single picture), rows, columns and channels, as slices are read. Reads the header alone."""
    volume = _open(path)
    height, width, depth = volume.turned_shape
    bands = len(volume.proxy.dtype.names or ()) or (*volume.shape, 1, 1)[3]
    return depth if len(volume.shape) > 2 else None, height, width, bands


def check_place(image: Path | None, label: Path) -> None:
    """InputError unless the label's voxels are those of its image, by their sizes and affines. Reads the headers alone.

    A fourth axis of the image holds its channels. image: None for one without an affine, a PNG for instance, whose
    label mustn't be turned by its own.
    """
    other = _open(label)
    if image is None:
        if other.orientation.tolist() != [[0, 1], [1, 1], [2, 1]]:
            raise InputError(f"{label} is turned by its affine, its image has none; store the label as PNG or TIFF")
        return
    one = _open(image)
    if other.shape[3:] not in ((), (1,)) or one.turned_shape != other.turned_shape:
        raise InputError(f"{label} is of another size than {image}; make both of one size")
    corners = np.stack(np.meshgrid(*([0, n - 1] for n in one.turned_shape), [1], indexing="ij"), -1).reshape(-1, 4)
    apart = np.linalg.norm((corners @ (one.affine - other.affine).T)[:, :3], axis=1).max()
    voxel = np.linalg.norm(one.affine[:3, :3], axis=0).min()
    if one.stated != other.stated or not apart <= SAME_PLACE * voxel:
        came = f"{apart:.3g} mm apart" if one.stated and other.stated else "stated by one of the two alone"
        raise InputError(
            f"{label} lies elsewhere than {image}: their affines are {came}; expected one affine; "
            "write the label again with the affine of its image"
        )


def voxel_size(path: Path) -> tuple[float, float, float]:
    """In the header's unit, as a rule mm, (z, y, x): from foot to head, from back to front, and from left to right."""
    x, y, z = map(float, np.linalg.norm(_open(path).affine[:3, :3], axis=0))
    return z, y, x


def slice_pixel_size(path: Path) -> tuple[tuple[float, float], str]:
    """Height and width of a pixel of a slice as it is read, whose rows run from left to right, and their unit."""
    _, back_front, left_right = voxel_size(path)
    unit = _load(require("nibabel", "nifti"), path).header.get_xyzt_units()[0]
    return (left_right, back_front), {"micron": "um", "meter": "m"}.get(unit, "mm")


def write_volume(source: Path, target: Path, labels: NDArray[Any]) -> None:
    """A label of every voxel as NIfTI with the header, affine and orientation on disk of the volume it was made of.

    labels: (D, H, W) integers, or (1, H, W) of a single picture, as the slices of `source` are read. The file is
    compressed where the name of the volume ends in .gz.
    """
    volume, image = _open(source), _load(require("nibabel", "nifti"), source)
    stored = labels.transpose(1, 2, 0).transpose(volume.orientation[:, 0])  # of (left-right, back-front, foot-head)
    stored = np.flip(stored, tuple(k for k, sign in enumerate(volume.orientation[:, 1]) if sign < 0))
    header = image.header.copy()
    header.set_data_dtype(labels.dtype)
    header.set_slope_inter(1, 0)
    header["cal_min"] = header["cal_max"] = 0  # the range to show was that of the image
    written = type(image)(stored.reshape(volume.shape[:3]), image.affine, header)
    with target.open("wb") as file:
        packed = source.suffix.lower() == ".gz"
        with gzip.GzipFile("", "wb", 6, file, mtime=0) if packed else nullcontext(file) as content:
            content.write(written.to_bytes())


def read_slice(path: Path, page: int | None) -> NDArray[Any]:
    """Slice `page` from the foot: rows from left to right, columns from back to front, the fourth axis as channels.

    In the stored type, or float32 where the file scales its values by a slope and an intercept.
    """
    opened = _volume(path, path.stat().st_mtime_ns if path.is_file() else 0)
    if isinstance(opened, InputError):
        raise opened
    stored, volume = opened
    number = volume.turned_shape[2]
    if len(volume.shape) > 2 and (page is None or page >= number):
        wanted = "a single picture" if page is None else f"slice {page}"
        raise InputError(f"{path} has {number} slices; expected {wanted}; give image and label one size")
    picture = _turned(stored if stored.ndim > 2 else stored[..., None], volume.orientation, page or 0)
    if (volume.slope, volume.intercept) == (1, 0):
        return np.array(picture)
    scaled: NDArray[np.float64] = picture * np.float64(volume.slope) + volume.intercept
    return scaled.astype(np.float32)


def _turned(stored: NDArray[Any], orientation: NDArray[np.int64], page: int) -> NDArray[Any]:
    """The slice `page` from the foot, (X, Y) or (X, Y, C), of voxels as they are stored."""
    axes, signs = orientation[:, 0].tolist(), orientation[:, 1].tolist()
    through = axes.index(2)
    left = [k for k in range(3) if k != through]
    cut = stored.take(page if signs[through] > 0 else stored.shape[through] - 1 - page, through)
    picture: NDArray[Any] = np.flip(cut, tuple(place for place, k in enumerate(left) if signs[k] < 0))
    return picture if axes[left[0]] < axes[left[1]] else picture.swapaxes(0, 1)


@lru_cache(maxsize=4)  # an image, its mask and its instances: slices are read in turn, each volume is opened once
def _volume(path: Path, changed: int) -> tuple[NDArray[Any], Volume] | InputError:
    """A volume in the type it is stored in, mapped or decoded whole, and its header, or why not."""
    try:
        volume = _open(path)
        with reading(path):
            stored = volume.proxy.get_unscaled()
            colors = stored.dtype.names  # of RGB volumes
            return np.stack([stored[name] for name in colors], -1) if colors else stored, volume
    except InputError as error:
        return error


def _load(nibabel: Any, path: Path) -> Any:
    """The file, mapped where it isn't compressed; nibabel goes by the name, and one that lies is read as a whole."""
    with path.open("rb") as file:
        start = file.read(4)
    packed = start.startswith(GZIP)
    if ends_in(path, (".nii.gz",) if packed else (".nii",)):
        return nibabel.load(path)
    data = gzip.decompress(path.read_bytes()) if packed else path.read_bytes()
    second = any(int.from_bytes(data[:4], order) == NIFTI_2 for order in ORDERS)
    return (nibabel.Nifti2Image if second else nibabel.Nifti1Image).from_bytes(data)


def _open(path: Path) -> Volume:
    nibabel = require("nibabel", "nifti")
    check_file(path)
    with reading(path):
        image = _load(nibabel, path)
        if len(image.shape) not in (2, 3, 4) or 0 in image.shape:
            came = f"a volume of {image.shape}"
            raise InputError(f"{path}: {came}; expected two to four axes, none of them empty; store it so")
        if image.get_data_dtype().kind not in "buifV" or (image.get_data_dtype().names and len(image.shape) > 3):
            came = f"a volume of {image.get_data_dtype()}"
            raise InputError(f"{path}: {came}; expected real numbers or colours; store them so")
        proxy, header = image.dataobj, image.header
        stated = any(int(header[code]) > 0 for code in ("sform_code", "qform_code") if code in header)
        affine = image.affine if stated else np.diag([*(*header.get_zooms(), 1, 1)[:3], 1.0])
        orientation = nibabel.io_orientation(affine)
        if not np.isfinite(orientation).all():
            came = f"its affine {affine.tolist()} gives no place to every axis"
            raise InputError(f"{path}: {came}; write the file again with an affine of three directions")
        orientation = orientation.astype(np.int64)
        turned = affine @ nibabel.orientations.inv_ornt_aff(orientation, (*image.shape[:3], 1)[:3])
        return Volume(proxy, image.shape, orientation, turned, stated, float(proxy.slope), float(proxy.inter))
