"""TIFF files as inputs: every page that the first series holds."""

import math
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from unet_lightning.error import InputError
from unet_lightning.prediction.plane import CHANNEL_AXES, Plane, Source, fits_memory, may_end_in_channels
from unet_lightning.reading.axes import channels_last, stated_axes
from unet_lightning.reading.guard import reading
from unet_lightning.reading.image import as_channels, read_image
from unet_lightning.reading.nodata import filled
from unet_lightning.reading.pixel_size import tiff_size
from unet_lightning.reading.tiff import open_tiff
from unet_lightning.reading.tiff_page import converted, orientation
from unet_lightning.reading.upright import TURNED, upright

STACKED = "TZRVAHLEP"  # axes with a name that make pages, as tifffile calls them
TIFF_TAGS = (33550, 33922, 34264, 34735, 34736, 34737)  # of GeoTIFF: scale, tie points, transformation, keys


def open_tiff_source(path: Path, wanted: int | None, stated: str | None) -> Source:
    """Every page that the first series holds; InputError, as in training, where its axes may mean several things.

    wanted, stated: as of `open_source`.
    """
    with open_tiff(path) as file, reading(path):
        series, key = file.series[0], file.series[0].keyframe
        shape, dtype, names, tags, turn = series.shape, series.dtype, series.axes, _tags(key), orientation(key)
        size, words = tiff_size(file), "ome" if file.is_ome else "imagej" if file.is_imagej else ""
    names = stated_axes(path, shape, stated) or names
    if not {"Y", "X"} <= set(names) or {*CHANNEL_AXES} <= set(names) or _unnamed(names, shape):
        channels_last(path, np.broadcast_to(np.uint8(0), shape), names)  # says what is wrong
    axes = "".join(name if name in f"YX{CHANNEL_AXES}" else chr(ord("a") + k) for k, name in enumerate(names))
    sizes = dict(zip(axes, shape, strict=True))
    stack = [number for name, number in sizes.items() if name.islower()]
    named = tuple(
        (name.lower(), number) for name, number in zip(names, shape, strict=True) if name in STACKED and number > 1
    )
    named = named if math.prod(number for _, number in named) == math.prod(stack) else ()
    channels = converted(np.zeros((1, 1, math.prod(sizes.get(name, 1) for name in CHANNEL_AXES)), dtype), key).shape[2]
    height, width = (sizes["X"], sizes["Y"]) if turn >= TURNED else (sizes["Y"], sizes["X"])
    pages, lazy = math.prod(stack), not fits_memory(height * width * channels * dtype.itemsize)
    if lazy and turn > 1:
        raise InputError(f"{path}: too large for the memory and stored turned; store it upright")

    def page(number: int) -> Any:
        """One page, (H, W, C), or a `Plane` of it where it doesn't fit into memory."""
        if pages == 1 and not lazy:
            return as_channels(read_image(path, axes=stated), wanted)
        with reading(path):
            array = _stored(path, path.stat().st_mtime_ns)
        place = np.unravel_index(number, stack) if stack else ()
        plane = Plane(path, array, axes, place, lambda block: as_channels(converted(block, key), wanted))
        return plane if lazy else filled(path, upright(plane[:, :], turn))

    return Source(
        path, (pages, height, width, channels), dtype.itemsize, page, lazy, pages > 1, False, tags, size, named, words
    )


@lru_cache(maxsize=2)  # pages are read in turn, and a file of many takes long to open
def _stored(path: Path, changed: int) -> Any:
    """The first series of a TIFF as an array that is read by slices."""
    import zarr  # slow to import

    return zarr.open_array(tifffile.TiffFile(path).series[0].aszarr(), mode="r")


def _unnamed(axes: str, shape: Sequence[int]) -> bool:
    """Whether axes without a name (Q) may be channels: the last one is as short as these are, or there are several."""
    many = [size for name, size in zip(axes, shape, strict=True) if name == "Q" and size > 1]
    return len(many) > 1 or bool(many and may_end_in_channels(shape))


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
