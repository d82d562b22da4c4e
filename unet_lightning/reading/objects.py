"""Single objects (polygons, run lengths, one mask each) to the arrays of a sample."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unet_lightning.error import InputError
from unet_lightning.label import LabelEncoding
from unet_lightning.reading.optional import require
from unet_lightning.sample import Sample, to_sample

IGNORED = -1  # as a class: pixels that are ignored
BEYOND = 1.0  # pixels an outline may reach beyond its image, because of rounding in annotation tools


@dataclass(frozen=True)
class Object:
    """One object: class id (0 for background, or IGNORED), top left corner of its box, and mask (h, w) of the box."""

    kind: int
    corner: tuple[int, int]
    mask: NDArray[np.bool_]


def boxed(kind: int, mask: NDArray[np.bool_]) -> Iterable[Object]:
    """One object from its mask (H, W) of the whole image; none where the mask is empty."""
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    if len(rows):
        (top, bottom), (left, right) = ((int(found[0]), int(found[-1]) + 1) for found in (rows, columns))
        yield Object(kind, (top, left), mask[top:bottom, left:right].copy())


def to_objects_sample(image: NDArray[Any], objects: Iterable[Object], classes: int, instances: bool = True) -> Sample:
    """The sample of an image (H, W, C) and its objects, of which a later one lies on top of an earlier one."""
    mask, numbers = np.zeros((2, *image.shape[:2]), np.int32)
    for number, found in enumerate(objects, 1):
        (top, left), (height, width) = found.corner, found.mask.shape
        place = np.s_[top : top + height, left : left + width]
        mask[place][found.mask] = found.kind
        numbers[place][found.mask] = number if found.kind > 0 else 0
    return to_sample(image, LabelEncoding(classes, ignore=IGNORED), mask, numbers if instances else None)


def smallest_last(objects: Iterable[Object]) -> list[Object]:
    """Objects without an order, sorted so that smaller ones lie on top of larger ones and ignored regions below all."""
    return sorted(objects, key=lambda found: (found.kind != IGNORED, -int(found.mask.sum())))


def outline(polygons: Sequence[ArrayLike], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """(H, W) union of polygons, each (N, 2) corners (x, y) where pixel (row r, column c) spans [c, c+1] x [r, r+1].

    A polygon on pixel edges gives exactly its pixels. InputError for one that lies beyond the image.
    """
    height, width = shape
    rings = []
    for polygon in polygons:
        try:
            ring = np.asarray(polygon, np.float64)
        except (TypeError, ValueError):
            ring = np.zeros((0, 2))
        if ring.ndim != 2 or ring.shape[1:] != (2,) or len(ring) < 3 or not np.isfinite(ring).all():
            raise InputError("a polygon isn't a list of three corners x, y or more; correct or take out the object")
        (left, top), (right, bottom) = ring.min(0), ring.max(0)
        if min(left, top) < -BEYOND or right > width + BEYOND or bottom > height + BEYOND:
            raise InputError(
                f"a polygon spans x {left:.4g} to {right:.4g} and y {top:.4g} to {bottom:.4g}, beyond its image of "
                f"{width} columns and {height} rows; correct it, or give the image of its size"
            )
        rings.append(ring.ravel().tolist())
    if not rings:
        return np.zeros(shape, bool)
    coco = require("pycocotools.mask", "coco")
    found: NDArray[np.bool_] = coco.decode(coco.merge(coco.frPyObjects(rings, height, width))).astype(bool)
    return found


def run_lengths(text: str, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """(H, W) bool from "start length start length …": pixels counted from 1, column by column, as Kaggle defines it."""
    try:
        numbers = np.array(text.split(), np.int64)
    except (ValueError, OverflowError):
        numbers = np.zeros(1, np.int64)
    starts, lengths = numbers[::2], numbers[1::2]
    if len(starts) != len(lengths) or (numbers < 1).any():
        raise InputError(f"run lengths {text[:30]!r}; expected pairs of start and length, both from 1; correct the row")
    mask = np.zeros(shape[0] * shape[1], bool)
    for start, length in zip(starts - 1, lengths, strict=True):
        if start + length > mask.size:
            raise InputError(
                f"run {start + 1} {length} ends beyond the {mask.size} pixels of its image "
                f"({shape[0]}x{shape[1]}); correct the row, or give the image of its size"
            )
        mask[start : start + length] = True
    return mask.reshape(shape, order="F")
