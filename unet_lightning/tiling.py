"""The overlap-tile strategy: the only code that knows about borders.

A network's output pixel is exact when its input reaches `halo` pixels further on every side. Tiles are therefore read
with that much context: the image's own pixels where there are any, mirrored ones beyond its edge. The exact central
parts are put side by side; the result equals one pass over the mirror-padded image.
Ronneberger et al., MICCAI 2015, doi:10.1007/978-3-319-24574-4_28.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice, product
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unet_lightning.runtime.prefetch import prefetch


class Geometry(Protocol):
    """The properties of a network that tiling uses; `unet_lightning.model.geometry` defines them."""

    margin: Any  # read-only properties there, which typed attributes of a Protocol wouldn't match
    halo: Any
    multiple: Any
    exact: Any

    def input_size(self, output: int) -> int:
        """The smallest side the network takes whose output is at least `output`."""


Pieces = Iterator[tuple["Box", Tensor]]


def round_up(size: int, multiple: int) -> int:
    """The smallest multiple that is not below `size`."""
    return -(-size // multiple) * multiple


def mirror_index(start: int, stop: int, size: int) -> NDArray[np.intp]:
    """Indices into an axis of `size` pixels for the positions start..stop-1, mirrored at both ends as often as needed.

    The outermost pixel isn't doubled: -1 reads 1, `size` reads size - 2. An axis of one pixel repeats it.

    >>> mirror_index(-2, 5, 4).tolist()
    [2, 1, 0, 1, 2, 3, 2]
    """
    period = max(1, 2 * (size - 1))
    position = np.abs(np.arange(start, stop)) % period
    return np.where(position < size, position, period - position)


def window(array: Any, top: int, left: int, height: int, width: int, channels_first: bool = False) -> Any:
    """A rectangle of an image, (height, width) or (height, width, C), mirrored where it lies beyond the image.

    array: NumPy array, tensor or any object that is read by slices, (H, W) or (H, W, C), or (..., H, W) with
    `channels_first`, which gives (..., height, width). Only the rectangle is read.
    """
    lead = (slice(None),) * (array.ndim - 2 if channels_first else 0)
    axes = list(zip((top, left), (height, width), array.shape[len(lead) :], strict=False))
    indices = [mirror_index(start, start + length, size) for start, length, size in axes]
    firsts = [int(index.min()) for index in indices]
    array = array[lead + tuple(slice(first, int(i.max()) + 1) for first, i in zip(firsts, indices, strict=True))]
    for axis, (start, length, size) in enumerate(axes):
        if start < 0 or start + length > size:
            array = array[(slice(None),) * (len(lead) + axis) + (indices[axis] - firsts[axis],)]
    return array


def inside(top: int, left: int, height: int, width: int, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """(height, width) bool: which pixels of a rectangle lie inside an image of shape (H, W)."""
    rows, columns = np.arange(top, top + height), np.arange(left, left + width)
    return np.outer((rows >= 0) & (rows < shape[0]), (columns >= 0) & (columns < shape[1]))


def tile_side(size: int, tile: int, multiple: int) -> int:
    """The side of equal tiles, at most about `tile`, that cover an axis of `size` pixels with least waste."""
    number = -(-size // tile)
    return round_up(-(-size // number), multiple)


def gaussian(height: int, width: int) -> Tensor:
    """(height, width) float32 weight of a tile's pixels: a Gaussian, standard deviation an eighth of the side.

    As in nnU-Net (Isensee et al., Nature Methods 2021, doi:10.1038/s41592-020-01008-z).
    """
    axes = [torch.exp(-0.5 * ((torch.arange(n) - (n - 1) / 2) / (n / 8)) ** 2) for n in (height, width)]
    return torch.outer(*axes).clamp_min(1e-4)


Read = Callable[[int, int, int, int], Tensor]
Views = Callable[[Callable[[Tensor], Tensor], Tensor], Tensor]
Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class TileScorer:
    """A network and the image whose tiles it scores.

    read: function of (top, left, height, width) that returns this rectangle of the normalised image, (C, height,
    width), mirrored beyond its edge. score: (B, C, h, w) to scores (B, K, h - 2 halo, w - 2 halo).
    """

    geometry: Geometry
    read: Read
    score: Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Grid:
    """How an image is cut: tiles of equal `sides` (height, width); their corners lie `steps` apart, from -start on."""

    shape: tuple[int, int]
    sides: tuple[int, int]
    steps: tuple[int, int]
    start: int = 0

    def origins(self) -> Iterator[tuple[int, int]]:
        """Top left corners, row by row."""
        rows, columns = (range(-self.start, size, step) for size, step in zip(self.shape, self.steps, strict=True))
        return product(rows, columns)

    @property
    def blended(self) -> bool:
        """Whether tiles overlap by half."""
        return self.steps != self.sides


def cut(shape: tuple[int, int], geometries: Sequence[Geometry], tile: int, start: int = 0) -> Grid:
    """The grid of tiles for an ensemble of networks; tiles overlap by half if one of the networks isn't `exact`."""
    multiple = max(geometry.multiple for geometry in geometries)
    parts = 1 if all(geometry.exact for geometry in geometries) else 2
    height, width = (tile_side(size + start, tile, multiple * parts) for size in shape)
    return Grid(shape, (height, width), (height // parts, width // parts), start)


def predict_tiles(
    scorers: Sequence[TileScorer], shape: tuple[int, int], tile: int, batch: int = 1, start: int = 0
) -> Pieces:
    """Scores of an image in pieces that cover it once, row by row: ((top, left, bottom, right), (K, h, w) float32).

    The scores of several networks are averaged. tile: side of a tile's output in pixels, rounded to the networks'
    `multiple`. batch: tiles at once. start: moves the grid up and left; any multiple of `multiple` gives the same
    scores. Memory is that of a batch of tiles, and of one row of tiles where they are blended.
    """
    grid = cut(shape, [scorer.geometry for scorer in scorers], tile, start)
    return _blend(grid, _tiles(scorers, grid, batch)) if grid.blended else _clip(grid, _tiles(scorers, grid, batch))


def predict_tiled(
    network: Any, image: Tensor, tile: int = 512, batch: int = 1, start: int = 0, views: Views | None = None
) -> Tensor:
    """Logits of a whole image (C, H, W), normalised: (K, H, W) on its device, float32 (float64 of a float64 network).

    network: has a `geometry`, and `interior`, which maps (B, C, h, w) to logits. views: test-time augmentation, called
    with `interior` and the tiles; None predicts each tile once. The other arguments as in `predict_tiles`.
    """
    score = partial(views, network.interior) if views else network.interior
    scorer = TileScorer(network.geometry, partial(window, image, channels_first=True), score)
    logits: Tensor | None = None
    height, width = image.shape[-2:]
    for (top, left, bottom, right), piece in predict_tiles([scorer], (height, width), tile, batch, start):
        logits = piece.new_empty((len(piece), height, width)) if logits is None else logits
        logits[:, top:bottom, left:right] = piece
    assert logits is not None
    return logits


@torch.inference_mode()
def _tiles(scorers: Sequence[TileScorer], grid: Grid, batch: int) -> Iterator[tuple[tuple[int, int], Tensor]]:
    """Origin and mean scores (K, *grid.sides) of every tile, read while the tiles before it are computed."""
    for origins, inputs in prefetch(_inputs(scorers, grid, batch)):
        total: Tensor | None = None
        for scorer, input in zip(scorers, inputs, strict=True):
            scores = scorer.score(input)[..., : grid.sides[0], : grid.sides[1]]
            scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
            total = scores if total is None else total + scores
        assert total is not None
        yield from zip(origins, total / len(scorers) if len(scorers) > 1 else total, strict=True)


def _inputs(
    scorers: Sequence[TileScorer], grid: Grid, batch: int
) -> Iterator[tuple[list[tuple[int, int]], list[Tensor]]]:
    """Origins of a batch of tiles, and the input of each scorer, (B, C, h, w) with `halo` pixels of context."""
    remaining = grid.origins()
    while origins := list(islice(remaining, batch)):
        yield origins, [torch.stack([_read_tile(scorer, grid, *origin) for origin in origins]) for scorer in scorers]


def _read_tile(scorer: TileScorer, grid: Grid, y: int, x: int) -> Tensor:
    geometry = scorer.geometry
    height, width = (geometry.input_size(side + 2 * (geometry.halo - geometry.margin)) for side in grid.sides)
    return scorer.read(y - geometry.halo, x - geometry.halo, height, width)


def _clip(grid: Grid, tiles: Iterable[tuple[tuple[int, int], Tensor]]) -> Pieces:
    """The part of each tile that lies inside the image."""
    (rows, columns), (height, width) = grid.shape, grid.sides
    for (y, x), scores in tiles:
        top, left, bottom, right = max(0, y), max(0, x), min(rows, y + height), min(columns, x + width)
        yield (top, left, bottom, right), scores[:, top - y : bottom - y, left - x : right - x]


def _blend(grid: Grid, tiles: Iterable[tuple[tuple[int, int], Tensor]]) -> Pieces:
    """Weighted mean of tiles that overlap by half. A quarter of a tile is complete once the tile whose top left corner
    lies there has been added.
    """
    (rows, columns), (height, width) = grid.shape, grid.steps
    waiting: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}
    quarters = Grid(grid.shape, grid.steps, grid.steps, grid.start)
    for (y, x), scores in tiles:
        weights = gaussian(*grid.sides).to(scores.device)
        for v, u in product((0, height), (0, width)):
            if y + v < rows and x + u < columns:
                here = np.s_[..., v : v + height, u : u + width]
                total, weight = waiting.get((y + v, x + u), (0, 0))
                waiting[y + v, x + u] = (total + weights[here] * scores[here], weight + weights[here])
        total, weight = waiting.pop((y, x))
        yield from _clip(quarters, [((y, x), total / weight)])
