"""Rotation, scaling, mirroring and elastic deformation as one map of coordinates, so that an image is resampled once.

Coordinates inside the image read its pixels, coordinates beyond its edge its mirror image.
"""

from collections.abc import Sequence
from functools import cache
from typing import Annotated, Any, Literal, NamedTuple

import cv2
import numpy as np
from annotated_types import Ge, Gt, Le, Len
from numpy.typing import NDArray

from unet_lightning.tiling.window import window

Probability = Annotated[float, Ge(0), Le(1)]
Coordinates = NDArray[np.float32]
RESAMPLED = (np.uint8, np.uint16, np.int16, np.float32)  # what cv2.remap takes


class Region(NamedTuple):
    """Where a crop lies in its image, in pixels; it may reach beyond the image."""

    top: int
    left: int
    height: int
    width: int

    def grown(self, rim: int) -> "Region":
        """With `rim` pixels more on every side."""
        return Region(self.top - rim, self.left - rim, self.height + 2 * rim, self.width + 2 * rim)


class Warp:
    """A random map of coordinates (2, h, w): from which row and column of the image each pixel of a crop is read.

    mirror: whether each axis is mirrored with probability 1/2; "horizontal" leaves up and down as they are.
    rotation: largest angle in degrees; angles are uniformly distributed. scale: smallest and largest magnification;
    its logarithm is uniformly distributed. elastic: standard deviation, in pixels, of the normally distributed
    displacements on a coarse `grid` x `grid` grid that spans the network's input; bicubic interpolation gives those of
    all pixels (Ronneberger et al., doi:10.1007/978-3-319-24574-4_28: 10 pixels on 3x3).
    probability: share of the samples that are rotated, scaled and deformed.
    """

    def __init__(
        self,
        mirror: bool | Literal["horizontal"],
        rotation: Annotated[float, Ge(0), Le(180)],
        scale: Annotated[Sequence[Annotated[float, Gt(0)]], Len(2, 2)],
        elastic: Annotated[float, Ge(0)],
        grid: Annotated[int, Ge(3)],
        probability: Probability,
    ) -> None:
        self.mirror, self.rotation, self.scale = mirror, rotation, tuple(scale)
        self.elastic, self.grid, self.probability = elastic, grid, probability

    def __call__(self, region: Region, rim: int, random: np.random.Generator) -> Coordinates:
        """Coordinates (2, height + 2 rim, width + 2 rim) float32 for a region and `rim` pixels around it."""
        flips = random.integers(2, size=2) if self.mirror else np.zeros(2, int)
        if self.mirror == "horizontal":
            flips[0] = 0
        applied = random.uniform() < self.probability
        angle = np.deg2rad(random.uniform(-self.rotation, self.rotation)) * applied
        scale = np.exp(random.uniform(*np.log(self.scale))) if applied else 1.0
        shape = (2, self.grid, self.grid)
        offsets = random.normal(0, self.elastic, shape) * applied if self.elastic else None
        return coordinates(region, rim, matrix(angle, scale, flips), offsets)


def matrix(angle: float, scale: float, flips: NDArray[Any]) -> NDArray[np.float64]:
    """(2, 2): an offset from the crop's centre, in rows and columns, to the offset where it is read."""
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine, sine], [-sine, cosine]]) * np.where(flips, -1.0, 1.0) / scale


def coordinates(
    region: Region,
    rim: int,
    matrix: NDArray[np.float64],
    offsets: NDArray[np.float64] | None = None,
) -> Coordinates:
    """(2, height + 2 rim, width + 2 rim) float32 rows and columns: a region turned about its centre, then displaced.

    offsets: (2, n, n) displacements in pixels at the nodes of a grid whose corners are the region's corner pixels.
    """
    sides = region[2:]
    down, across = (np.arange(-rim, side + rim, dtype=np.float32) - np.float32((side - 1) / 2) for side in sides)
    result = np.empty((2, len(down), len(across)), np.float32)
    for k, (start, side) in enumerate(zip(region[:2], sides, strict=True)):
        rows = np.float32(matrix[k, 0]) * down
        columns = np.float32(matrix[k, 1]) * across + np.float32(start + (side - 1) / 2)
        np.add(rows[:, None], columns[None], out=result[k])
        if offsets is not None:
            vertical, horizontal = (bicubic(len(offsets[k]), length, rim) for length in sides)
            result[k] += vertical @ offsets[k].astype(np.float32) @ horizontal.T
    return result


@cache
def bicubic(number: int, side: int, rim: int = 0) -> NDArray[np.float32]:
    """Interpolation matrix (side + 2 rim, number) from values at `number` nodes to all pixels of an axis.

    The first and the last node are the end pixels of the side. Cubic convolution with a = -1/2 (Keys, IEEE TASSP 1981,
    doi:10.1109/TASSP.1981.1163711); beyond the ends, also in the rim, the values are extrapolated linearly.
    """
    step = (number - 1) / max(1, side - 1)
    place = np.arange(-rim, side + rim) * step
    distance = np.abs(place.clip(0, number - 1)[:, None] - np.arange(-2, number + 2))
    near = 1.5 * distance**3 - 2.5 * distance**2 + 1
    far = -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2
    kernel = np.where(distance <= 1, near, np.where(distance < 2, far, 0))
    matrix = kernel[:, 2:-2].copy()
    for outside, end, inner in ((0, 0, 2), (1, 0, 1), (-2, -1, -2), (-1, -1, -3)):  # v(-k) = 2 v(0) - v(k)
        matrix[:, end] += 2 * kernel[:, outside]
        matrix[:, inner] -= kernel[:, outside]
    before, after = np.minimum(place, 0), np.maximum(place - (number - 1), 0)  # slope v(1) - v(0), and at the other end
    matrix[:, 0] -= before
    matrix[:, 1] += before
    matrix[:, -1] += after
    matrix[:, -2] -= after
    return matrix.astype(np.float32)


class Place(NamedTuple):
    """The part of an image that coordinates read, top, left, height and width, and rows and columns (h, w) in it."""

    box: tuple[int, int, int, int]
    rows: NDArray[np.float32]
    columns: NDArray[np.float32]


def locate(where: Coordinates) -> Place:
    """Coordinates (2, h, w) as a place, the same for an image and its labels."""
    low = np.floor(where.min((1, 2))).astype(int) - 2
    height, width = np.ceil(where.max((1, 2))).astype(int) + 3 - low
    rows, columns = (where[k] - np.float32(low[k]) for k in (0, 1))
    return Place((int(low[0]), int(low[1]), int(height), int(width)), rows, columns)


def sample_at(array: NDArray[Any], place: Place, interpolation: int) -> NDArray[Any]:
    """array (H, W) or (H, W, C) at a place of (h, w): (h, w) or (h, w, C) of its dtype, mirrored beyond its edge.

    interpolation: a flag of OpenCV, `cv2.INTER_NEAREST` for labels.
    """
    part, rows, columns = window(array, *place.box), place.rows, place.columns
    part = part if part.dtype.type in RESAMPLED else part.astype(np.float32)
    if part.ndim == 2:
        result = cv2.remap(part, columns, rows, interpolation)
    else:  # OpenCV takes up to four channels at once, and two with coarser coordinates than one, three and four
        step = next(n for n in (4, 3, 1) if part.shape[2] % n != 2)
        some = [part[..., c : c + step] for c in range(0, part.shape[2], step)]
        pieces = [cv2.remap(np.ascontiguousarray(piece), columns, rows, interpolation) for piece in some]
        result = np.concatenate([np.atleast_3d(piece) for piece in pieces], axis=2)
    found: NDArray[Any] = result.astype(array.dtype, copy=False)
    return found


def lies_inside(where: Coordinates, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """(h, w) uint8: 1 where coordinates (2, h, w) lie inside an image of this shape (H, W), 0 where they don't."""
    rows, columns = where
    height, width = shape
    found: NDArray[np.bool_] = (rows > -0.5) & (rows < height - 0.5) & (columns > -0.5) & (columns < width - 0.5)
    return found.astype(np.uint8)
