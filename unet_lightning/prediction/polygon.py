"""Objects to the polygons that run along the edges of their pixels, which give exactly these pixels again."""

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from unet_lightning.tiling.bands import boxes

BAND = 1 << 20  # pixels in which boxes are looked for at once
Ring = NDArray[np.int64]  # (N, 2) corners x, y; pixel (row r, column c) spans [c, c + 1] x [r, r + 1]
Polygon = list[Ring]  # the outline, and the outlines of its holes


def object_masks(objects: Any, number: int) -> Iterator[tuple[NDArray[np.bool_], tuple[int, int]]]:
    """The mask of each of the objects 1 to `number` in its box, (h, w), and the box's top and left.

    objects: (H, W), an array or read by slices.
    """
    rows = max(1, BAND // objects.shape[1])
    for index, (top, left, bottom, right) in enumerate(boxes(objects, number + 1, rows)[1:].tolist(), 1):
        yield np.asarray(objects[top:bottom, left:right]) == index, (top, left)


def polygons(mask: NDArray[np.bool_], corner: tuple[int, int] = (0, 0)) -> list[Polygon]:
    """The polygons of a mask (h, w) whose first pixel lies at row and column `corner`.

    A polygon is a 4-connected part, so that its inside hangs together; parts of an object may touch at corners.

    >>> [[ring.tolist() for ring in polygon] for polygon in polygons(np.array([[True, True]]))]
    [[[[0, 0], [0, 1], [2, 1], [2, 0]]]]
    """
    number, parts = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    found = []
    for part in range(1, number):
        # Every pixel becomes 2 x 2; the outermost of these, numbered x, lie at the edge (x + 1) // 2 of the pixel.
        doubled = (parts == part).astype(np.uint8).repeat(2, 0).repeat(2, 1)
        contours, tree = cv2.findContours(doubled, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        rings = [_corners((contour[:, 0].astype(np.int64) + 1) // 2) + corner[::-1] for contour in contours]
        outer = [k for k, (*_, parent) in enumerate(tree[0]) if parent < 0]
        found.append([rings[k] for k in (*outer, *(k for k in range(len(rings)) if k not in outer))])
    return found


def _corners(ring: Ring) -> Ring:
    """A ring of steps along pixel edges, repeated points among them, to the points where it turns."""
    ring = ring[(ring != np.roll(ring, 1, 0)).any(1)]
    before, after = ring - np.roll(ring, 1, 0), np.roll(ring, -1, 0) - ring
    kept: Ring = ring[before[:, 0] * after[:, 1] != before[:, 1] * after[:, 0]]
    return kept
