"""Views of an image: rotated by multiples of 90 degrees and mirrored; their predictions are mapped back exactly."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor


class FlipRotate:
    """Averages the class probabilities, or the logits, over several views of an image.

    mirrors: the image mirrored left-right, up-down and both. turns: its rotations by 90, 180 and 270 degrees. Both
    together: all eight rotated and mirrored views.
    """

    def __init__(
        self, turns: bool, mirrors: bool, average: Literal["probabilities", "logits"] = "probabilities"
    ) -> None:
        self.average = average
        quarters = (0, 1, 2, 3) if turns else (0, 2) if mirrors else (0,)
        self.views = [(quarter, mirror) for quarter in quarters for mirror in ((False, True) if mirrors else (False,))]

    def __call__(self, score: Callable[[Tensor], Tensor], image: Tensor) -> Tensor:
        """Logits (B, K, h', w') of images (B, C, h, w); of several views their mean, or that of probabilities as a log.

        score: function from images to logits.
        """
        if len(self.views) == 1:
            return score(image)
        logits = (invert(score(transform(image, *view)).float(), *view) for view in self.views)
        total = sum(logits if self.average == "logits" else (one.softmax(1) for one in logits))
        assert isinstance(total, Tensor)
        if self.average == "logits":
            return total / len(self.views)
        return (total / len(self.views)).clamp_min(torch.finfo(torch.float32).tiny).log()


def transform(image: Tensor, quarters: int, mirror: bool) -> Tensor:
    """(B, C, h, w) rotated by `quarters` times 90 degrees, then mirrored left to right; (B, C, w, h) for odd ones."""
    turned = torch.rot90(image, quarters, (-2, -1))
    return turned.flip(-1) if mirror else turned


def invert(scores: Tensor, quarters: int, mirror: bool) -> Tensor:
    """The inverse of `transform`."""
    return torch.rot90(scores.flip(-1) if mirror else scores, -quarters, (-2, -1))
