"""Scores of a whole image from those of its tiles."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from unet_lightning.runtime.prefetch import prefetch
from unet_lightning.tiling.grid import Geometry, Grid, Tile, overlap_tile
from unet_lightning.tiling.window import window

Box = tuple[int, int, int, int]
Pieces = Iterator[tuple[Box, Tensor]]
Read = Callable[[int, int, int, int], Tensor]
Views = Callable[[Callable[[Tensor], Tensor], Tensor], Tensor]
Average = Callable[[Iterator[Tensor]], Tensor]


@dataclass(frozen=True)
class TileScorer:
    """A network and the image whose tiles it scores.

    read: function of (top, left, height, width) that returns this rectangle of the normalised image, (C, height,
    width), mirrored beyond its edge. score: (B, C, h, w) to scores (B, K, h - 2 halo, w - 2 halo), or of a grid without
    context to (B, K, h, w).
    """

    geometry: Geometry
    read: Read
    score: Callable[[Tensor], Tensor]


def mean(scores: Iterator[Tensor]) -> Tensor:
    """Of tensors of one shape, of which two are held at a time."""
    total, number = next(scores), 1
    for one in scores:
        total, number = total + one, number + 1
    return total / number if number > 1 else total


def predict_tiles(scorers: Sequence[TileScorer], grid: Grid, batch: int = 1, average: Average = mean) -> Pieces:
    """Scores of an image in pieces that cover it once, row by row: ((top, left, bottom, right), (K, h, w) float32).

    average: of the scores (B, K, h, w) of several networks, in their order. batch: tiles at once. Memory is that of a
    batch of tiles, and of one row of tiles where they are averaged.
    """
    tiles = _tiles(scorers, grid, batch, average)
    return _side_by_side(grid, tiles) if grid.weights is None else _averaged(grid, grid.weights, tiles)


def predict_tiled(
    network: Any, image: Tensor, tile: Tile = 512, batch: int = 1, start: int = 0, views: Views | None = None
) -> Tensor:
    """Logits of a whole image (C, H, W), normalised: (K, H, W) on its device, float32 (float64 of a float64 network).

    network: has a `geometry`, and `interior`, which maps (B, C, h, w) to logits. views: test-time augmentation, called
    with `interior` and the tiles; None predicts each tile once. The other arguments as in `overlap_tile`.
    """
    grid = overlap_tile((image.shape[-2], image.shape[-1]), [network.geometry], tile, start)
    return predict_grid(network, image, grid, batch, views)


def predict_grid(network: Any, image: Tensor, grid: Grid, batch: int = 1, views: Views | None = None) -> Tensor:
    """As `predict_tiled`, of an image that is cut in any way."""
    scores = network.interior if grid.context else network
    scorer = TileScorer(
        network.geometry,
        partial(window, image, channels_first=True),
        partial(views, scores) if views else scores,
    )
    logits: Tensor | None = None
    for (top, left, bottom, right), piece in predict_tiles([scorer], grid, batch):
        logits = piece.new_empty((len(piece), *grid.shape)) if logits is None else logits
        logits[:, top:bottom, left:right] = piece
    assert logits is not None
    return logits


@torch.inference_mode()
def _tiles(
    scorers: Sequence[TileScorer], grid: Grid, batch: int, average: Average
) -> Iterator[tuple[tuple[int, int], Tensor]]:
    """Origin and mean scores (K, *grid.sides) of every tile, read while the tiles before it are computed."""
    for origins, inputs in prefetch(_inputs(scorers, grid, batch)):
        found = (scorer.score(input) for scorer, input in zip(scorers, inputs, strict=True))
        inside = (scores[..., : grid.sides[0], : grid.sides[1]] for scores in found)
        exact = (scores.to(torch.promote_types(scores.dtype, torch.float32)) for scores in inside)
        yield from zip(origins, average(exact), strict=True)


def _inputs(
    scorers: Sequence[TileScorer], grid: Grid, batch: int
) -> Iterator[tuple[list[tuple[int, int]], list[Tensor]]]:
    """Origins of a batch of tiles, and the input of each scorer, (B, C, h, w)."""
    remaining = grid.origins()
    read = _read_with_context if grid.context else _read_alone
    while origins := list(islice(remaining, batch)):
        yield origins, [torch.stack([read(scorer, grid, *origin) for origin in origins]) for scorer in scorers]


def _read_with_context(scorer: TileScorer, grid: Grid, y: int, x: int) -> Tensor:
    """A tile with `halo` pixels around it: (C, h + 2 halo, w + 2 halo), or the next larger size the network takes."""
    halo = scorer.geometry.halo
    return scorer.read(y - halo, x - halo, *grid.input_sides(scorer.geometry))


def _read_alone(scorer: TileScorer, grid: Grid, y: int, x: int) -> Tensor:
    """A tile (C, h, w), 0 beyond the image."""
    (height, width), (rows, columns) = grid.sides, grid.shape
    top, left, bottom, right = max(0, y), max(0, x), min(rows, y + height), min(columns, x + width)
    part = scorer.read(top, left, bottom - top, right - left)
    return F.pad(part, (left - x, x + width - right, top - y, y + height - bottom))


def _side_by_side(grid: Grid, tiles: Iterable[tuple[tuple[int, int], Tensor]]) -> Pieces:
    """The part of each tile that lies inside the image."""
    (rows, columns), (height, width) = grid.shape, grid.sides
    for (y, x), scores in tiles:
        top, left, bottom, right = max(0, y), max(0, x), min(rows, y + height), min(columns, x + width)
        yield (top, left, bottom, right), scores[:, top - y : bottom - y, left - x : right - x]


def _averaged(grid: Grid, weights: Tensor, tiles: Iterable[tuple[tuple[int, int], Tensor]]) -> Pieces:
    """Weighted mean of overlapping tiles, in strips as wide as the image: what no tile below reaches is complete."""
    (rows, columns), (height, width) = grid.shape, grid.sides
    remaining, rest = iter(tiles), None  # rest: the part of the sums that the next row of tiles adds to
    for y, below in zip(grid.rows, [*grid.rows[1:], grid.rows[-1] + height], strict=True):
        sums: Tensor | None = None  # (K + 1, height, columns): of weighted scores and of weights
        for (_, x), scores in islice(remaining, len(grid.columns)):
            if sums is None:
                sums = scores.new_zeros((len(scores) + 1, height, columns))
                if rest is not None:
                    sums[:, : rest.shape[1]] = rest
            inside = slice(max(0, -x), min(width, columns - x))
            weight = weights.to(scores.device)[:, inside]
            sums[:-1, :, x + inside.start : x + inside.stop] += weight * scores[:, :, inside]
            sums[-1, :, x + inside.start : x + inside.stop] += weight
        assert sums is not None
        top, bottom = max(0, y), min(rows, below)
        done, rest = sums[:, top - y : bottom - y], sums[:, below - y :]
        yield (top, 0, bottom, columns), done[:-1] / done[-1]
