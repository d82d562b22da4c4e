"""Under-sampling: a majority class counts on a drawn share of its pixels only."""

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from annotated_types import Gt, Le
from numpy.typing import NDArray

from unet_lightning.weight.base import Weight


class Undersample(Weight):
    """Weight 1 or 0: of each class the share of pixels is kept that leaves it at most `ratio` times the rarest class.

    The shares come from the training statistics; the pixels are drawn anew, seeded, for every sample. `share`, if
    given, is that of the most frequent class instead.
    """

    def __init__(self, ratio: Annotated[float, Gt(0)], share: Annotated[float, Gt(0), Le(1)] | None) -> None:
        self.ratio, self.share = ratio, share
        self.shares: NDArray[np.float32] = np.zeros(0, np.float32)  # until fit

    def fit(self, statistics: Mapping[str, Any]) -> None:
        """Compute the share kept of every class."""
        pixels = np.array(statistics["class_pixels"], np.float64)
        rarest = pixels[pixels > 0].min()
        shares = np.minimum(1, self.ratio * rarest / np.maximum(pixels, 1))
        if self.share is not None:
            shares = np.where(np.arange(len(pixels)) == pixels.argmax(), self.share, 1.0)
        self.shares = shares.astype(np.float32)

    def describe(self) -> str:
        """The shares."""
        return "share of each class's pixels that counts: " + ", ".join(f"{s:.3g}" for s in self.shares)

    def __call__(
        self, mask: NDArray[np.uint8], instances: NDArray[np.int32] | None, random: np.random.Generator
    ) -> NDArray[np.float32]:
        """mask (H, W) to 1 where a pixel was drawn, else 0."""
        return (random.random(mask.shape, np.float32) < self.shares[mask]).astype(np.float32)
