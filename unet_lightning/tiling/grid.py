"""How an image is cut into tiles: side by side where they are exact, else overlapping and averaged."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Protocol

import torch
from torch import Tensor

from unet_lightning.error import InputError
from unet_lightning.tiling.window import sides_of

Tile = int | tuple[int, int]  # side, or height and width, of a tile's output in pixels


class Geometry(Protocol):
    """The properties of a network that tiling uses; `unet_lightning.model.geometry` defines them."""

    margin: Any  # read-only properties there, which typed attributes of a Protocol wouldn't match
    halo: Any
    multiple: Any
    exact: Any

    def input_size(self, output: int) -> int:
        """The smallest side the network takes whose output is at least `output`."""


@dataclass(frozen=True)
class Grid:
    """Tiles of equal `sides` (height, width) of an image of this shape; their top left corners are `rows` x `columns`.

    weights: of a tile's pixels, float32 of its sides, where tiles overlap and are averaged; None where they lie side by
    side. context: whether a tile is read with the network's halo around it, mirrored beyond the image; otherwise it is
    read alone and 0 beyond the image.
    """

    shape: tuple[int, int]
    sides: tuple[int, int]
    rows: Sequence[int]
    columns: Sequence[int]
    weights: Tensor | None = None
    context: bool = True

    def origins(self) -> Iterator[tuple[int, int]]:
        """Top left corners, row by row."""
        return product(self.rows, self.columns)

    def input_sides(self, geometry: Geometry) -> tuple[int, int]:
        """Height and width, in pixels, of what a network gets of a tile."""
        if not self.context:
            return self.sides
        rim = geometry.halo - geometry.margin
        height, width = (geometry.input_size(side + 2 * rim) for side in self.sides)
        return height, width


def overlap_tile(shape: tuple[int, int], geometries: Sequence[Geometry], tile: Tile, start: int = 0) -> Grid:
    """The grid for an ensemble of networks: side by side if all are `exact`, else overlapping by half.

    tile: rounded to the networks' `multiple`. start: moves the grid up and left; any multiple of `multiple` gives the
    same scores of exact networks.
    """
    multiple = max(geometry.multiple for geometry in geometries)
    exact = all(geometry.exact for geometry in geometries)
    parts = 1 if exact else 2
    wanted = zip(shape, sides_of(tile), strict=True)
    height, width = (tile_side(size + start, side, multiple * parts) for size, side in wanted)
    rows, columns = (range(-start, n, side // parts) for n, side in zip(shape, (height, width), strict=True))
    return Grid(shape, (height, width), rows, columns, None if exact else gaussian(height, width))


def nnunet(shape: tuple[int, int], geometries: Sequence[Geometry], tile: Tile) -> Grid:
    """nnU-Net's sliding window: tiles of just this size, evenly spread, at most half a tile apart.

    A smaller image lies in the centre of its tile. Isensee et al., Nature Methods 2021, doi:10.1038/s41592-020-01008-z.
    InputError for valid convolution.
    """
    if any(geometry.margin for geometry in geometries):
        raise InputError("tiling=nnunet: its tiles have no context; expected same convolution; set tiling=overlap")
    sides = sides_of(tile)
    rows, columns = (_spread(size, side) for size, side in zip(shape, sides, strict=True))
    return Grid(shape, sides, rows, columns, _impulse(sides), context=False)


GRIDS: dict[str, Callable[[tuple[int, int], Sequence[Geometry], Tile], Grid]] = {
    "overlap": overlap_tile,
    "nnunet": nnunet,
}


def round_up(size: int, multiple: int) -> int:
    """The smallest multiple that is not below `size`."""
    return -(-size // multiple) * multiple


def tile_side(size: int, tile: int, multiple: int) -> int:
    """The side of equal tiles, at most about `tile`, that cover an axis of `size` pixels with least waste."""
    number = -(-size // tile)
    return round_up(-(-size // number), multiple)


def gaussian(height: int, width: int) -> Tensor:
    """(height, width) float32 weight of a tile's pixels: a Gaussian, standard deviation an eighth of the side.

    After nnU-Net (Isensee et al., Nature Methods 2021, doi:10.1038/s41592-020-01008-z), whose own is `_impulse`.
    """
    axes = [torch.exp(-0.5 * ((torch.arange(n) - (n - 1) / 2) / (n / 8)) ** 2) for n in (height, width)]
    return torch.outer(*axes).clamp_min(1e-4)


def _spread(size: int, side: int) -> list[int]:
    """Where tiles of an axis begin.

    >>> _spread(110, 64), _spread(1000, 512), _spread(40, 64)
    ([0, 23, 46], [0, 244, 488], [-12])
    """
    if size <= side:
        return [-((side - size) // 2)]
    steps = math.ceil((size - side) / (side / 2))
    return [round((size - side) / steps * k) for k in range(steps + 1)]


def _impulse(sides: tuple[int, int]) -> Tensor:
    """Weights of that shape, float32: an impulse at half the sides, blurred by an eighth of them; 10 at most.

    In half precision, as there, and nowhere 0.
    """
    axes = [torch.exp(-0.5 * ((torch.arange(n, dtype=torch.float64) - n // 2) / (n / 8)) ** 2) for n in sides]
    weights = (10 * torch.outer(*axes)).half().float()
    return weights.clamp_min(float(weights[weights > 0].min()))
