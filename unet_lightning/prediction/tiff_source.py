"""TIFF files as inputs: every page that the first series holds."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from unet_lightning.prediction.plane import CHANNEL_AXES, Plane, Source, fits_memory
from unet_lightning.reading.guard import reading
from unet_lightning.reading.image import as_channels, read_image
from unet_lightning.reading.tiff import alphas, open_tiff, strange_axes

TIFF_TAGS = (33550, 33922, 34264, 34735, 34736, 34737)  # of GeoTIFF: scale, tie points, transformation, keys
MOST_CHANNELS = 32  # a picture is wider, or it has a name for each of its axes


def open_tiff_source(path: Path, wanted: int | None) -> Source:
    """Every page that the first series holds; InputError, as in training, where its axes may mean several things.

    wanted: as of `open_source`.
    """
    with open_tiff(path) as file, reading(path):
        series = file.series[0]
        shape, dtype, alpha, tags = series.shape, series.dtype, alphas(series.keyframe), _tags(series.keyframe)
        names = series.axes
    axes = "".join(name if name in f"YX{CHANNEL_AXES}" else name.lower() for name in names)
    sizes = dict(zip(axes, shape, strict=True))
    if not {"Y", "X"} <= set(axes) or len(sizes) < len(axes) or {*CHANNEL_AXES} <= set(axes) or unnamed(axes, shape):
        raise strange_axes(path, names, shape)
    stack = [size for name, size in sizes.items() if name.islower()]
    channels = next((sizes[name] for name in CHANNEL_AXES if name in sizes), 1) - alpha
    pages, lazy = math.prod(stack), not fits_memory(sizes["Y"] * sizes["X"] * channels * dtype.itemsize)

    def page(number: int) -> Any:
        if pages == 1 and not lazy:
            return as_channels(read_image(path), wanted)
        import zarr  # slow to import

        with reading(path):
            array = zarr.open_array(tifffile.TiffFile(path).series[0].aszarr(), mode="r")
        plane = Plane(path, array, axes, np.unravel_index(number, stack) if stack else (), alpha)
        return plane if lazy else as_channels(plane[:, :], wanted)

    return Source(path, (pages, sizes["Y"], sizes["X"], channels), dtype.itemsize, page, lazy, pages > 1, tags=tags)


def unnamed(axes: str, shape: Sequence[int]) -> bool:
    """Whether the last axis of a series without names (q) is as short as channels are: (H, W, C) or pages of them?"""
    return "q" in axes and shape[-1] < MOST_CHANNELS and shape[-1] < min(shape[:-1])


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
