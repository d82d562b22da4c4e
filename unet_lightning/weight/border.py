"""The border weight map of the U-Net: w(x) = w_c(x) + w0 exp(-(d1(x) + d2(x))^2 / 2 sigma^2).

Ronneberger et al., MICCAI 2015, eq. (2), doi:10.1007/978-3-319-24574-4_28. d1 and d2 are the distances in pixels,
between pixel centres, to the nearest and the second nearest cell. The exponential is added on background pixels only.
"""

from collections.abc import Mapping
from math import ceil, log, sqrt
from typing import Annotated, Any

import numba
import numpy as np
from annotated_types import Ge, Gt
from numpy.typing import NDArray

from unet_lightning.weight.base import Weight

NEGLIGIBLE = 1e-5
FAR = np.int32(1 << 28)  # squared distance where no cell was found


class Border(Weight):
    """w_c + w0 exp(-(d1 + d2)^2 / 2 sigma^2): pixels between two close cells have the largest weights.

    base: the weight that gives w_c. w0: height of the border term. sigma: its width in pixels.
    """

    needs_objects = True

    def __init__(self, base: Weight, w0: Annotated[float, Ge(0)], sigma: Annotated[float, Gt(0)]) -> None:
        self.base, self.w0, self.sigma = base, w0, sigma
        self.reach = max(base.reach, reach_of(w0, sigma))

    def fit(self, statistics: Mapping[str, Any]) -> None:
        """Pass the statistics on to w_c."""
        self.base.fit(statistics)

    def describe(self) -> str:
        """The formula with its numbers."""
        return (
            f"w_c + {self.w0:g} exp(-(d1 + d2)^2 / (2 * {self.sigma:g}^2)) between cells; w_c: {self.base.describe()}"
        )

    def __call__(
        self, mask: NDArray[np.uint8], instances: NDArray[np.int32] | None, random: np.random.Generator
    ) -> NDArray[np.float32]:
        """mask and instances (H, W) to weights (H, W)."""
        assert instances is not None
        weights: NDArray[np.float32] = self.base(mask, instances, random)
        return weights + border_term(instances, self.w0, self.sigma)


def border_term(instances: NDArray[np.int32], w0: float, sigma: float) -> NDArray[np.float32]:
    """w0 exp(-(d1 + d2)^2 / 2 sigma^2) on background pixels, 0 on cells and where fewer than two cells are near.

    instances: (H, W) int32, 0 is background. Values below 1e-5 are left at 0, which bounds the search.
    Exact: a pass along the columns keeps the two nearest distinct cells of every pixel's own column, a pass along the
    rows the two nearest of those. Time and memory grow with the pixels, not with the cells.
    """
    reach = reach_of(w0, sigma)
    labels, squares = _nearest_in_column(np.ascontiguousarray(instances, np.int32), reach)
    term: NDArray[np.float32] = _nearest_in_row(instances, labels, squares, reach, w0, sigma)
    return term


def reach_of(w0: float, sigma: float) -> int:
    """The sum of distances, in whole pixels, beyond which the term is negligible."""
    return ceil(sigma * sqrt(2 * log(max(1.0, w0 / NEGLIGIBLE))))


@numba.njit(cache=True, nogil=True)
def _nearest_in_column(instances: Any, reach: int) -> Any:
    """Labels and squared distances, (2, H, W), of the two nearest distinct cells above or below within `reach`."""
    height, width = instances.shape
    labels = np.zeros((2, height, width), np.int32)
    squares = np.full((2, height, width), FAR, np.int32)
    for step in (1, -1):  # downwards sees the cells above, upwards those below
        last = np.zeros((2, width), np.int32)
        row_of = np.full((2, width), -FAR, np.int32)
        for k in range(height):
            y = k if step == 1 else height - 1 - k
            for x in range(width):
                here = instances[y, x]
                if here:
                    if here != last[0, x]:
                        last[1, x], row_of[1, x] = last[0, x], row_of[0, x]
                        last[0, x] = here
                    row_of[0, x] = y
                for n in range(2):
                    label = last[n, x]
                    if label == 0:
                        break
                    distance = (y - row_of[n, x]) * step
                    if distance > reach:
                        break
                    square = distance * distance
                    if label == labels[0, y, x]:
                        squares[0, y, x] = min(squares[0, y, x], square)
                    elif square < squares[0, y, x]:
                        labels[1, y, x], squares[1, y, x] = labels[0, y, x], squares[0, y, x]
                        labels[0, y, x], squares[0, y, x] = label, square
                    elif label == labels[1, y, x]:
                        squares[1, y, x] = min(squares[1, y, x], square)
                    elif square < squares[1, y, x]:
                        labels[1, y, x], squares[1, y, x] = label, square
    return labels, squares


@numba.njit(cache=True, nogil=True)
def _nearest_in_row(instances: Any, labels: Any, squares: Any, reach: Any, w0: Any, sigma: Any) -> Any:
    """The border term (H, W) from the two nearest cells of every column within `reach`."""
    height, width = instances.shape
    term = np.zeros((height, width), np.float32)
    names = np.zeros((2, width + 2 * reach), np.int32)
    distances = np.full((2, width + 2 * reach), FAR, np.int32)
    for y in range(height):
        names[:, reach : reach + width] = labels[:, y]
        distances[:, reach : reach + width] = squares[:, y]
        label, first, second = labels[0, y].copy(), squares[0, y].copy(), squares[1, y].copy()
        for dx in range(1, reach + 1):
            square = np.int32(dx * dx)
            if dx % 4 == 1 and not _wanted(instances[y], first, second, dx, reach):
                break
            for start in (reach - dx, reach + dx):
                columns = slice(start, start + width)
                _keep_two(label, first, second, names[0, columns], distances[0, columns], square)
                _keep_two(label, first, second, names[1, columns], distances[1, columns], square)
        for x in range(width):
            if instances[y, x] == 0 and second[x] < FAR:
                total = np.sqrt(np.float32(first[x])) + np.sqrt(np.float32(second[x]))
                if total <= reach:
                    term[y, x] = w0 * np.exp(-total * total / (2 * sigma * sigma))
    return term


@numba.njit(cache=True, nogil=True)
def _wanted(instances: Any, first: Any, second: Any, dx: Any, reach: Any) -> Any:
    """Whether columns `dx` away can still matter to a background pixel of the row."""
    square = dx * dx
    furthest = (reach - dx) * (reach - dx) if 2 * dx > reach else FAR + 1
    number = 0
    for x in range(instances.size):
        number += (instances[x] == 0) & (second[x] > square) & (first[x] < furthest)
    return number > 0


@numba.njit(cache=True, nogil=True)
def _keep_two(label: Any, first: Any, second: Any, names: Any, distances: Any, square: Any) -> None:
    """Update the two nearest cells of every pixel of a row with one more cell; without branches, for SIMD."""
    for x in range(first.size):
        offered, name = distances[x] + square, names[x]
        nearest, next_one, known = first[x], second[x], label[x]
        later = max(nearest, offered)
        second[x] = next_one if name == known else min(next_one, later)
        label[x] = name if offered < nearest else known
        first[x] = min(nearest, offered)
