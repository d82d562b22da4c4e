"""Zarr arrays and OME-Zarr groups as inputs."""

import math
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from unet_lightning.error import InputError
from unet_lightning.prediction.plane import CHANNEL_AXES, Plane, Source, fits_memory, may_end_in_channels
from unet_lightning.reading.axes import remedy, stated_axes
from unet_lightning.reading.failure import broken
from unet_lightning.reading.guard import reading
from unet_lightning.reading.image import as_channels
from unet_lightning.reading.pixel_size import PixelSize, in_micrometres

NAME_AXES = "store it with names of its axes (Zarr's dimension_names), such as y, x, c"


def is_zarr(path: Path) -> bool:
    """Whether a folder is a Zarr array or group."""
    return any((path / name).is_file() for name in ("zarr.json", ".zarray", ".zgroup"))


def open_zarr(path: Path, channels: int, wanted: int | None = None, axes: str | None = None) -> Source:
    """A Zarr array, or the finest picture of an OME-Zarr group; InputError where its metadata are damaged.

    channels: what the network takes. wanted, axes: as of `open_source`; what the file says of its axes comes first.
    """
    with reading(path):
        return _open(path, channels, wanted, axes)


def _open(path: Path, channels: int, wanted: int | None, stated: str | None) -> Source:
    import zarr  # slow to import

    try:
        array: Any = zarr.open(path, mode="r")
    except Exception as error:  # zarr and its codecs raise many kinds
        raise broken(path, f"not a Zarr array ({(str(error).splitlines() or [type(error).__name__])[0]})") from None
    axes, size = "", None
    if isinstance(array, zarr.Group):
        attributes: Any = dict(array.attrs)
        scales = attributes.get("ome", attributes).get("multiscales")
        if not scales:
            raise InputError(f"{path}: a Zarr group of {sorted(array)}; expected an array: give one of them")
        letters = (axis["name"] if isinstance(axis, dict) else axis for axis in scales[0].get("axes", ()))
        axes, size = "".join(map(str, letters)), _ome_zarr_size(scales[0])
        place = scales[0]["datasets"][0]["path"]
        if place not in array:
            raise broken(path, f"its metadata name an array {place!r} that isn't there")
        array = array[place]
    if array.ndim == 3 and not axes and not _dimension_names(array):
        axes = stated_axes(path, array.shape, stated) or ""
    known = bool(axes or _dimension_names(array))
    axes = _zarr_axes(path, array, axes, channels)
    stack = [size for name, size in zip(axes, array.shape, strict=True) if name not in f"YX{CHANNEL_AXES}"]
    if 0 in array.shape:
        raise InputError(f"{path}: an empty array of shape {array.shape}; expected a picture; leave it out")
    chunk = math.prod(array.chunks) * array.dtype.itemsize
    if not fits_memory(chunk):
        raise InputError(
            f"{path}: a chunk of {chunk / 2**30:.1f} GiB, which doesn't fit into memory; store it in smaller ones"
        )

    def page(number: int) -> Plane:
        place = np.unravel_index(number, stack) if stack else ()
        return Plane(path, array, axes, place, partial(as_channels, channels=wanted))

    pages = math.prod(stack)
    pairs = zip(axes, array.shape, strict=True)
    named = tuple((name, side) for name, side in pairs if name not in f"YX{CHANNEL_AXES}" and side > 1)
    source = Source(path, (pages, *page(0).shape), array.dtype.itemsize, page, True, pages > 1, pixel_size=size)
    return replace(source, axes=named) if known else source


def _ome_zarr_size(scales: Any) -> PixelSize | None:
    """The pixel size of the finest picture of OME-Zarr's multiscales; None where it isn't stated in a known unit."""
    axes = [axis if isinstance(axis, dict) else {"name": axis} for axis in scales.get("axes", ())]
    changes = scales["datasets"][0].get("coordinateTransformations", ())
    scale = next((one["scale"] for one in changes if one.get("type") == "scale"), None)
    if not isinstance(scale, list) or len(scale) != len(axes):
        return None
    by_name = {str(axis.get("name")).lower(): (side, axis.get("unit")) for axis, side in zip(axes, scale, strict=True)}
    sides, units = zip(*(by_name.get(name, (None, None)) for name in "yx"), strict=True)
    found = in_micrometres(sides, units)
    return None if found is None else PixelSize(*found, "um")


def _dimension_names(array: Any) -> str:
    """The first letters of the names that an array gives its axes, or ''."""
    return "".join(str(name)[:1] for name in getattr(array.metadata, "dimension_names", None) or ())


def _zarr_axes(path: Path, array: Any, axes: str, channels: int) -> str:
    """Upper case for rows, columns, channels; lower case for what makes pages."""
    names = axes or _dimension_names(array)
    if not names:
        shape = array.shape
        last, first = shape[-1] == channels, len(shape) > 2 and shape[-3] == channels
        grey = array.ndim == 2 or (channels == 1 and not (last or first))
        if grey and array.ndim > 2 and may_end_in_channels(shape):
            raise InputError(
                f"{path}: an array of shape {shape} whose last axis may hold channels; {remedy(shape)}{NAME_AXES}"
            )
        names = (
            "zt"[: array.ndim - 2][::-1] + "yx" if grey else "zt"[: array.ndim - 3][::-1] + ("yxc" if last else "cyx")
        )
    found = "".join(name.upper() if name.lower() in "yxc" else name.lower() for name in names)
    if len(found) != array.ndim or not {"Y", "X"} <= set(found) or len(set(found)) != len(found):
        raise InputError(
            f"{path}: an array of shape {array.shape} with axes {names!r}; expected (H, W), (H, W, {channels}) or "
            f"({channels}, H, W), or pages of these; {NAME_AXES}"
        )
    return found
