"""The views of a square: turned by right angles and mirrored, mapped back without any interpolation."""

from collections.abc import Callable

import torch
from torch import Tensor


class FlipRotate:
    """An image's views, their probabilities averaged.

    mirrors: left-right, up-down and both. turns: by 90 and 270 degrees as well; alone, all four rotations.
    """

    def __init__(self, turns: bool, mirrors: bool) -> None:
        quarters = (0, 1, 2, 3) if turns else (0, 2) if mirrors else (0,)
        self.views = [(quarter, mirror) for quarter in quarters for mirror in ((False, True) if mirrors else (False,))]

    def __call__(self, score: Callable[[Tensor], Tensor], image: Tensor) -> Tensor:
        """Logits (B, K, h', w') of images (B, C, h, w): those of the one view, or the logarithm of the views' mean
        probabilities. score: images to logits.
        """
        if len(self.views) == 1:
            return score(image)
        total = sum(invert(score(transform(image, *view)).float().softmax(1), *view) for view in self.views)
        assert isinstance(total, Tensor)
        return (total / len(self.views)).clamp_min(torch.finfo(torch.float32).tiny).log()


def transform(image: Tensor, quarters: int, mirror: bool) -> Tensor:
    """(B, C, h, w) turned by quarters of a circle, then mirrored left to right."""
    turned = torch.rot90(image, quarters, (-2, -1))
    return turned.flip(-1) if mirror else turned


def invert(scores: Tensor, quarters: int, mirror: bool) -> Tensor:
    """The inverse of `transform`."""
    return torch.rot90(scores.flip(-1) if mirror else scores, -quarters, (-2, -1))
