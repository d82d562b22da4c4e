"""What people measure of objects: size, place, shape and brightness, by scikit-image's `regionprops`."""

import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_lightning.tiling.bands import BOTTOM, LEFT, RIGHT, TOP, boxes, row_bands

Columns = dict[str, NDArray[np.float64]]  # (N,) each, object 1 first
BAND = 1 << 20  # pixels that are measured at once
BOX = ("top", "left", "bottom", "right")
SHAPE = ("perimeter_px", "eccentricity", "solidity")
LENGTHS = ("centroid_y", "centroid_x", "equivalent_diameter", "perimeter")  # with a unit behind them, as `area` has


def measure(
    objects: Any, number: int, image: Any = None, probability: Any = None, size: tuple[float, float] = (1.0, 1.0)
) -> Columns:
    """The measurements of objects 1 to `number`, in pixels.

    objects: (H, W) numbers; image: (H, W, C), nan or masked where it holds no data; probability: (H, W) of being an
    object. All are arrays or read by slices; memory is that of a band of rows, or of the box of the largest object that
    reaches over several. size: height and width of a pixel, in any unit; the eccentricity is that of the real shape.

    area_px; centroid_y, centroid_x: 0 is the centre of the first pixel; top, left, bottom, right: the last two
    exclusive; equivalent_diameter_px: of a circle of equal area; perimeter_px: through the centres of border pixels
    (Benkrid and Crookes, 2000), nan where pixels aren't square; eccentricity: of the ellipse of equal second moments;
    solidity: share of the convex hull; mean_1, sd_1, …: of each channel, the deviation with N as its divisor;
    mean_probability; touches_edge: 1 where the box reaches the border of the picture, else 0.
    """
    height, width = objects.shape
    rows = max(1, BAND // width)
    box = boxes(objects, number + 1, rows)[1:]
    channels = 0 if image is None else image.shape[2]
    brightness = [f"{name}_{k}" for k in range(1, channels + 1) for name in ("mean", "sd")]
    names = ["area_px", "centroid_y_px", "centroid_x_px", *SHAPE, *brightness]
    names += [] if probability is None else ["mean_probability"]
    table = np.full((number, len(names)), np.nan)
    for numbers, labels, corner in _blocks(objects, box, rows):
        here = np.s_[corner[0] : corner[0] + labels.shape[0], corner[1] : corner[1] + labels.shape[1]]
        values = None if image is None else np.ma.filled(np.ma.asarray(image[here], np.float64), np.nan)
        chance = None if probability is None else np.asarray(probability[here], np.float64)
        for index, row in zip(numbers - 1, _regions(labels, values, chance, size), strict=True):
            row[1:3] += corner
            table[index] = row
    columns = dict(zip(names, table.T, strict=True))
    inner = {"equivalent_diameter_px": np.sqrt(4 * columns["area_px"] / np.pi)}
    edge = (box[:, [TOP, LEFT]] == 0).any(1) | (box[:, BOTTOM] == height) | (box[:, RIGHT] == width)
    return (
        {name: columns[name] for name in names[:3]}
        | dict(zip(BOX, box.T.astype(np.float64), strict=True))
        | inner
        | {name: columns[name] for name in names[3:]}
        | {"touches_edge": edge.astype(np.float64)}
    )


def _blocks(
    objects: Any, box: NDArray[np.int64], rows: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int64]]]:
    """Every object once, whole: (numbers (n,), labels 1 to n in a block (h, w), the block's top and left)."""
    inside = np.zeros(len(box), bool)
    for here in row_bands(objects.shape, rows):
        whole = (box[:, TOP] >= here.start) & (box[:, BOTTOM] <= here.stop) & (box[:, BOTTOM] > 0)
        inside |= whole
        if whole.any():
            table = np.append(0, np.where(whole, np.cumsum(whole), 0)).astype(np.int32)
            yield np.flatnonzero(whole) + 1, table[np.asarray(objects[here])], np.array([here.start, 0])
    for index in np.flatnonzero(~inside & (box[:, BOTTOM] > 0)):
        top, left, bottom, right = box[index]
        labels = (np.asarray(objects[top:bottom, left:right]) == index + 1).astype(np.int32)
        yield np.array([index + 1]), labels, box[index, [TOP, LEFT]]


def _regions(
    labels: NDArray[np.int32],
    image: NDArray[np.float64] | None,
    probability: NDArray[np.float64] | None,
    size: tuple[float, float],
) -> Iterator[NDArray[np.float64]]:
    """A row for each of the labels 1, 2, …, in a block (h, w): area, centroid, shape, brightness, probability."""
    from skimage.measure import perimeter, regionprops  # slow to import

    scale = (size[0] / size[1], 1.0)
    for region in regionprops(labels, spacing=scale):
        rim = perimeter(region.image, 4) if size[0] == size[1] else np.nan
        place = np.divide(region.centroid, scale)
        row = [region.num_pixels, *place, rim, region.eccentricity, region.solidity]
        if image is not None:
            values = image[region.slice][region.image]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)  # an object without data has the mean nan
                row += np.stack([np.nanmean(values, 0), np.nanstd(values, 0)], 1).ravel().tolist()
        if probability is not None:
            row.append(probability[region.slice][region.image].mean())
        yield np.array(row, np.float64)


def summarise(columns: Mapping[str, NDArray[np.float64]], shape: tuple[int, int]) -> dict[str, float]:
    """Count, density, coverage and mean size of the objects of a picture (H, W), from what `measure` gives."""
    areas, pixels = columns["area_px"], shape[0] * shape[1]
    return {
        "count": len(areas),
        "density_per_mpx": len(areas) / pixels * 1e6,
        "coverage": float(areas.sum()) / pixels,
        "mean_area_px": float(areas.mean()) if len(areas) else np.nan,
    }


def in_units(columns: Mapping[str, NDArray[np.float64]], size: tuple[float, float], unit: str) -> Columns:
    """Areas and lengths of `measure` in a unit, given the height and width of a pixel in it."""
    height, width = size
    area = columns["area_px"] * height * width
    return {
        f"area_{unit}2": area,
        f"centroid_y_{unit}": columns["centroid_y_px"] * height,
        f"centroid_x_{unit}": columns["centroid_x_px"] * width,
        f"equivalent_diameter_{unit}": np.sqrt(4 * area / np.pi),
        f"perimeter_{unit}": columns["perimeter_px"] * height,
    }


def summary_in_units(
    summary: Mapping[str, float], shape: tuple[int, int], size: tuple[float, float], unit: str
) -> dict[str, float]:
    """Density in objects per mm² and mean size of `summarise` in a unit, given the size of a pixel in it."""
    pixel = size[0] * size[1]
    millimetres = pixel * shape[0] * shape[1] * {"um": 1e-6, "mm": 1.0}[unit]
    return {"density_per_mm2": summary["count"] / millimetres, f"mean_area_{unit}2": summary["mean_area_px"] * pixel}
