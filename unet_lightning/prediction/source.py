"""Inputs of prediction: picture files, TIFF stacks and Zarr arrays, of any size, as pictures (H, W, C)."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import tifffile
from numpy.typing import NDArray
from PIL import Image

from unet_lightning.error import InputError
from unet_lightning.reading.endings import TIFF, ends_in
from unet_lightning.reading.failure import broken, refuse_claim
from unet_lightning.reading.image import KEPT, as_channels, read_image
from unet_lightning.reading.tiff import open_tiff
from unet_lightning.reading.tiff_page import alphas

TIFF_TAGS = (33550, 33922, 34264, 34735, 34736, 34737)  # of GeoTIFF: scale, tie points, transformation, keys
ORIENTATION = 0x0112
CHANNEL_AXES = "CS"
SHARE = 0.25  # of the free memory: a larger page is read in parts


@dataclass(frozen=True)
class Source:
    """One input. shape: (pages, H, W, C). page: number to picture, an array or, of a lazy source, read by slices.

    stack: whether the input has pages. tags: what `tifffile` is to write again into a TIFF of the same picture.
    """

    path: Path
    shape: tuple[int, int, int, int]
    itemsize: int
    page: Callable[[int], Any]
    lazy: bool = False
    stack: bool = False
    tags: dict[str, Any] | None = None

    @property
    def nbytes(self) -> int:
        """Bytes of one decoded page."""
        return int(np.prod(self.shape[1:], dtype=np.int64)) * self.itemsize


class Plane:
    """One picture (H, W, C) of an array of more axes, its last `alpha` channels left out, read by slices of rows and
    columns.
    """

    def __init__(self, array: Any, axes: str, page: Sequence[Any], alpha: int = 0) -> None:
        self.array, self.axes = array, axes
        numbers = iter(page)
        self.fixed = {name: int(next(numbers)) for name in axes if name not in f"YX{CHANNEL_AXES}"}
        sizes = dict(zip(axes, array.shape, strict=True))
        channels = next((sizes[name] for name in CHANNEL_AXES if name in sizes), 1)
        self.shape = (sizes["Y"], sizes["X"], channels - alpha)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        rows, columns = key if isinstance(key, tuple) else (key, slice(None))
        places = {"Y": rows, "X": columns, **self.fixed}
        block = np.asarray(self.array[tuple(places.get(name, slice(None)) for name in self.axes)])
        left = [name for name in self.axes if name not in self.fixed]
        order = [left.index(name) for name in "YX"] + [k for k, name in enumerate(left) if name in CHANNEL_AXES]
        picture = block.transpose(order)
        picture = picture[..., : self.shape[2]] if picture.ndim == 3 else picture[..., None]
        return picture if picture.dtype.name in KEPT else picture.astype(np.float32)


def open_source(path: Path, channels: int, wanted: int | None = None) -> Source:
    """An input by its header; no picture is decoded yet. InputError where it is none.

    channels: what the network takes. wanted: turn grey to colour or colour to grey, as data.channels does in training.
    """
    if path.is_dir():
        return _open_zarr(path, channels)
    if ends_in(path, TIFF):
        return _open_tiff(path, wanted)
    try:
        with Image.open(path) as picture:
            (width, height), bands = picture.size, len(picture.getbands())
            if (
                picture.format == "JPEG" and picture.getexif().get(ORIENTATION, 1) >= 5
            ):  # it is turned upright when read
                width, height = height, width
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; correct its name") from None
    except (OSError, SyntaxError, ValueError) as error:
        raise broken(path, f"not a readable picture ({str(error).split(' <')[0]})") from None
    refuse_claim(path, width * height, path.stat().st_size)
    itemsize = 1 if picture.mode in ("1", "L", "P", "RGB", "RGBA", "LA") else 4
    shape = (1, height, width, 1 if bands < 3 else 3)
    return Source(path, shape, itemsize, lambda _: as_channels(read_image(path), wanted))


def is_zarr(path: Path) -> bool:
    """Whether a folder is a Zarr array or group."""
    return any((path / name).is_file() for name in ("zarr.json", ".zarray", ".zgroup"))


def _open_tiff(path: Path, wanted: int | None) -> Source:
    """Every page that the first series holds."""
    with open_tiff(path) as file:
        series = file.series[0]
        axes = "".join(name if name in f"YX{CHANNEL_AXES}" else name.lower() for name in series.axes)
        if sorted(n for n in axes if n in "YX") != ["X", "Y"] or sum(n in CHANNEL_AXES for n in axes) > 1:
            raise InputError(f"{path}: axes {series.axes}; expected rows and columns (YX), with or without channels")
        shape, dtype, alpha, tags = series.shape, series.dtype, alphas(series.keyframe), _tags(series.keyframe)
    stack = [size for name, size in zip(axes, shape, strict=True) if name.islower()]
    sizes = dict(zip(axes, shape, strict=True))
    channels = next((sizes[name] for name in CHANNEL_AXES if name in sizes), 1) - alpha
    nbytes = sizes["Y"] * sizes["X"] * channels * dtype.itemsize
    lazy = bool(nbytes > psutil.virtual_memory().available * SHARE)

    def page(number: int) -> Any:
        import zarr  # slow to import

        array = zarr.open_array(tifffile.TiffFile(path).series[0].aszarr(), mode="r")
        plane = Plane(array, axes, np.unravel_index(number, stack) if stack else (), alpha)
        return plane if lazy else as_channels(plane[:, :], wanted)

    pages = math.prod(stack)
    return Source(path, (pages, sizes["Y"], sizes["X"], channels), dtype.itemsize, page, lazy, pages > 1, tags)


def _tags(page: Any) -> dict[str, Any]:
    """Resolution and position on the ground."""
    tags: dict[str, Any] = {}
    if "XResolution" in page.tags and "YResolution" in page.tags:
        tags["resolution"] = (page.tags["XResolution"].value, page.tags["YResolution"].value)
        unit = page.tags["ResolutionUnit"].value if "ResolutionUnit" in page.tags else 1
        tags["resolutionunit"] = unit if unit in (1, 2, 3) else 1
    found = [page.tags[code] for code in TIFF_TAGS if code in page.tags]
    tags["extratags"] = [(tag.code, tag.dtype, tag.count, tag.value, True) for tag in found]
    return tags


def _open_zarr(path: Path, channels: int) -> Source:
    """A Zarr array, or the finest picture of an OME-Zarr group."""
    import zarr  # slow to import

    try:
        array: Any = zarr.open(path, mode="r")
    except Exception as error:  # zarr and its codecs raise many kinds
        raise broken(path, f"not a Zarr array ({str(error).splitlines()[0]})") from None
    axes = ""
    if isinstance(array, zarr.Group):
        attributes: Any = dict(array.attrs)
        scales = attributes.get("ome", attributes).get("multiscales")
        if not scales:
            raise InputError(f"{path}: a Zarr group of {sorted(array)}; expected an array: give one of them")
        named = (axis["name"] if isinstance(axis, dict) else axis for axis in scales[0].get("axes", ()))
        axes = "".join(map(str, named))
        place = scales[0]["datasets"][0]["path"]
        if place not in array:
            raise broken(path, f"its metadata name an array {place!r} that isn't there")
        array = array[place]
    axes = _zarr_axes(path, array, axes, channels)
    stack = [size for name, size in zip(axes, array.shape, strict=True) if name not in f"YX{CHANNEL_AXES}"]
    if 0 in array.shape:
        raise InputError(f"{path}: an empty array of shape {array.shape}; expected a picture")
    chunk = math.prod(array.chunks) * array.dtype.itemsize
    if chunk > psutil.virtual_memory().available * SHARE:
        raise InputError(
            f"{path}: a chunk of {chunk / 2**30:.1f} GiB, which doesn't fit into memory; store it in smaller ones"
        )

    def page(number: int) -> Plane:
        return Plane(array, axes, np.unravel_index(number, stack) if stack else ())

    pages = math.prod(stack)
    return Source(path, (pages, *page(0).shape), array.dtype.itemsize, page, True, pages > 1)


def _zarr_axes(path: Path, array: Any, axes: str, channels: int) -> str:
    """Upper case for rows, columns, channels; lower case for what makes pages."""
    names = axes or "".join(str(name)[:1] for name in getattr(array.metadata, "dimension_names", None) or ())
    if not names:
        shape = array.shape
        last, first = shape[-1] == channels, len(shape) > 2 and shape[-3] == channels
        grey = array.ndim == 2 or (channels == 1 and not (last or first))
        names = (
            "zt"[: array.ndim - 2][::-1] + "yx" if grey else "zt"[: array.ndim - 3][::-1] + ("yxc" if last else "cyx")
        )
    found = "".join(name.upper() if name.lower() in "yxc" else name.lower() for name in names)
    if len(found) != array.ndim or not {"Y", "X"} <= set(found) or len(set(found)) != len(found):
        raise InputError(
            f"{path}: an array of shape {array.shape} with axes {names!r}; expected (H, W), (H, W, {channels}) or "
            f"({channels}, H, W), or pages of these"
        )
    return found
