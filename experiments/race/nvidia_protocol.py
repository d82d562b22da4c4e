"""Folds, pictures and scores of NVIDIA's ISBI 2012 protocol; see nvidia_isbi.py."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

SHRUNK, INPUT = 388, 572  # pixels: side of the sections and of the scores, side of the network's input
FOLDS, SHARE = 5, 0.8
MOST_CROPPED, BRIGHTNESS = 0.3, 0.2  # shares of a side and of half the grey range
TINY = 1e-6


def overlapping_fold(sections: int, fold: int) -> tuple[list[int], list[int]]:
    """Sections that train and that are held out, as the loader there divides them.

    It shuffles the numbers with seed 0 and turns the list by `fold` times int((1 - 0.8) * sections), which is 5 of 30
    as 1 - 0.8 lies a little below 0.2, while the last 6 are held out.
    """
    step, training = int((1.0 - SHARE) * sections), int(SHARE * sections)
    turned = np.roll(shuffled(sections), fold * step).tolist()
    return turned[:training], turned[training:]


def true_fold(sections: int, fold: int) -> tuple[list[int], list[int]]:
    """The same shuffled numbers in five parts of which each is held out once."""
    parts = np.array_split(shuffled(sections), FOLDS)
    return [int(k) for part, numbers in enumerate(parts) if part != fold for k in numbers], parts[fold].tolist()


def shuffled(sections: int) -> NDArray[np.int64]:
    """0 … sections - 1 in NumPy's order for seed 0."""
    numbers = np.arange(sections)
    np.random.RandomState(0).shuffle(numbers)
    return numbers


def shrink(image: NDArray[np.uint8]) -> Tensor:
    """Grey values (H, W) to (1, 572, 572) float32: -1 to 1, shrunk to 388², with a border of 0."""
    small = resized(torch.from_numpy(image).float() / 127.5 - 1, SHRUNK)
    return _bordered(small[None])


def shrink_label(mask: NDArray[np.uint8]) -> Tensor:
    """Class ids 0 and 1 (H, W) to (2, 572, 572) float32, one class a channel: shrunk, decided at one half, and with a
    border of class 0.
    """
    small = resized(torch.from_numpy(mask).float(), SHRUNK) >= 0.5
    cells = _bordered(small[None].float())
    return torch.cat([1 - cells, cells])


def resized(picture: Tensor, side: int) -> Tensor:
    """(H, W) to (side, side), bilinearly between pixel centres."""
    return F.interpolate(picture[None, None], size=(side, side), mode="bilinear", align_corners=False)[0, 0]


def _bordered(picture: Tensor) -> Tensor:
    border = (INPUT - SHRUNK) // 2
    return F.pad(picture, (border,) * 4)


def central(picture: Tensor) -> Tensor:
    """The middle (…, 388, 388) of (…, 572, 572)."""
    border = (INPUT - SHRUNK) // 2
    return picture[..., border:-border, border:-border]


def augment(image: Tensor, label: Tensor, random: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Mirrored, cropped by 0 to 30 % at each side and enlarged again, brighter or darker; shapes stay the same.

    image: (1, 572, 572). label: (2, 572, 572), decided at one half again.
    """
    axes = [axis for axis in (1, 2) if random.random() > 0.5]
    top, left, bottom, right = random.random(4) * MOST_CROPPED
    rows = torch.linspace(2 * top - 1, 1 - 2 * bottom, INPUT, dtype=torch.float32)
    columns = torch.linspace(2 * left - 1, 1 - 2 * right, INPUT, dtype=torch.float32)
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    both = torch.cat([image, label]).flip(axes)[None]
    cropped = F.grid_sample(both, torch.stack([x, y], -1)[None], mode="bilinear", align_corners=True)[0]
    bright = cropped[:1] + float(random.uniform(-BRIGHTNESS, BRIGHTNESS))
    return bright.clamp(-1, 1), (cropped[1:] >= 0.5).float()


def soft_dice(probabilities: Tensor, label: Tensor) -> Tensor:
    """(N, K, H, W) and one-hot labels of that shape to the Dice of each image and class, (N, K): twice the sum of
    products over the sum of squares of both.
    """
    products, squares = probabilities * label, probabilities**2 + label**2
    return (2 * products.sum((2, 3)) + TINY) / (squares.sum((2, 3)) + TINY)


def hard_dice(predicted: NDArray[Any], mask: NDArray[Any]) -> float:
    """Of class 1 of two arrays of class ids (H, W)."""
    both = (predicted == 1).sum() + (mask == 1).sum()
    return float(2 * ((predicted == 1) & (mask == 1)).sum() / both)


def loss_of(logits: Tensor, label: Tensor) -> Tensor:
    """Cross entropy and 1 - soft Dice, each a mean over images and classes; (N, 2, 388, 388) both, label one-hot."""
    entropy = F.cross_entropy(logits, label.argmax(1))
    return entropy + 1 - soft_dice(logits.softmax(1), label).mean()
