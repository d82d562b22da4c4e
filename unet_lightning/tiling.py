"""The overlap-tile strategy: the only code that knows about borders.

A network's output pixel is exact when its input reaches `halo` pixels further on every side. Tiles are therefore read
with that much context, true neighbours first and mirrored ones beyond the image, and the exact middles are put side by
side. Stitched tiles equal one pass over the mirror-padded image.
"""

from collections.abc import Iterator
from itertools import product
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class Geometry(Protocol):
    """What tiling must know of a network; `unet_lightning.model.geometry` has the definitions."""

    margin: Any  # properties there, so that no type would fit both
    halo: Any
    multiple: Any
    exact: Any

    def input_size(self, output: int) -> int:
        """The smallest side the network takes whose output is at least `output`."""


def round_up(size: int, multiple: int) -> int:
    """The smallest multiple that is not below `size`."""
    return -(-size // multiple) * multiple


def mirror_index(start: int, stop: int, size: int) -> NDArray[np.intp]:
    """Indices into an axis of `size` pixels for the positions start..stop-1, mirrored at both ends as often as needed.

    The outermost pixel isn't doubled: -1 reads 1, `size` reads size - 2. An axis of one pixel repeats it.
    """
    period = max(1, 2 * (size - 1))
    position = np.abs(np.arange(start, stop)) % period
    return np.where(position < size, position, period - position)


def window(array: Any, top: int, left: int, height: int, width: int, channels_first: bool = False) -> Any:
    """A rectangle of an image that may reach beyond it, where it is mirrored.

    array: NumPy array or tensor, (H, W) or (H, W, C), or (..., H, W) with `channels_first`.
    """
    first = array.ndim - 2 if channels_first else 0
    for axis, start, length in ((first, top, height), (first + 1, left, width)):
        size = array.shape[axis]
        inside = start >= 0 and start + length <= size
        index = slice(start, start + length) if inside else mirror_index(start, start + length, size)
        array = array[(slice(None),) * axis + (index,)]
    return array


def inside(top: int, left: int, height: int, width: int, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """(height, width) bool: which pixels of a rectangle lie in an image of this shape and aren't mirrored ones."""
    rows, columns = np.arange(top, top + height), np.arange(left, left + width)
    return np.outer((rows >= 0) & (rows < shape[0]), (columns >= 0) & (columns < shape[1]))


def tile_side(size: int, tile: int, multiple: int) -> int:
    """The side of equal tiles, at most about `tile`, that cover an axis of `size` pixels with least waste."""
    number = -(-size // tile)
    return round_up(-(-size // number), multiple)


def gaussian(height: int, width: int) -> Tensor:
    """(height, width) float32 weight of a tile's pixels: a Gaussian with a standard deviation of an eighth."""
    axes = [torch.exp(-0.5 * ((torch.arange(n) - (n - 1) / 2) / (n / 8)) ** 2) for n in (height, width)]
    return torch.outer(*axes).clamp_min(1e-4)


@torch.inference_mode()
def predict_tiled(network: Any, image: Tensor, tile: int = 512, batch: int = 1, start: int = 0) -> Tensor:
    """Logits of a whole image, (K, H, W) on the image's device, float32 (float64 of a float64 network).

    network: maps (B, C, h, w) to logits (B, K, h - 2 margin, w - 2 margin) and states its `geometry`.
    image: (C, H, W), normalised. tile: side of a tile's output in pixels, rounded to the network's `multiple`.
    batch: tiles at once. start: moves the grid up and left; any multiple of `multiple` gives the same logits.
    Of networks that look at the whole tile (instance and group norm) half-overlapping tiles are blended.
    """
    geometry: Geometry = network.geometry
    shape = tuple(image.shape[-2:])
    sides = [tile_side(size + start, tile, geometry.multiple) for size in shape]
    steps = [side if geometry.exact else round_up(side // 2, geometry.multiple) for side in sides]
    reads = [geometry.input_size(side + 2 * (geometry.halo - geometry.margin)) for side in sides]
    blend = torch.ones(sides) if geometry.exact else gaussian(sides[0], sides[1])
    blend = blend.to(image.device)
    origins = list(product(*(range(-start, size, step) for size, step in zip(shape, steps, strict=True))))
    logits: Tensor | None = None
    total = torch.zeros(shape, device=image.device)
    for some in _batches(origins, batch):
        output: Tensor = network(torch.stack([_read(image, y, x, geometry.halo, reads) for y, x in some]))
        output = output.to(torch.promote_types(output.dtype, torch.float32))
        if logits is None:
            logits = output.new_zeros((output.shape[1], *shape))
        for (y, x), tile_logits in zip(some, output, strict=True):
            _add(logits, total, tile_logits, blend, (y, x), geometry.halo - geometry.margin)
    assert logits is not None
    return logits if geometry.exact else logits / total


def _read(image: Tensor, y: int, x: int, halo: int, sides: list[int]) -> Tensor:
    """A tile's input: `halo` pixels of context before its origin, and as much after it as the network takes."""
    read: Tensor = window(image, y - halo, x - halo, sides[0], sides[1], channels_first=True)
    return read


def _batches(items: list[tuple[int, ...]], size: int) -> Iterator[list[tuple[int, ...]]]:
    for first in range(0, len(items), size):
        yield items[first : first + size]


def _add(logits: Tensor, total: Tensor, tile: Tensor, blend: Tensor, origin: tuple[int, ...], rim: int) -> None:
    """Add the exact middle of a tile's output, weighted, to where it lies in the image."""
    (y, x), (height, width) = origin, blend.shape
    top, left = max(0, -y), max(0, -x)
    bottom, right = min(height, logits.shape[1] - y), min(width, logits.shape[2] - x)
    here = np.s_[..., y + top : y + bottom, x + left : x + right]
    weight = blend[top:bottom, left:right]
    logits[here] += weight * tile[:, rim + top : rim + bottom, rim + left : rim + right]
    total[here] += weight
