"""Under-sampling: of a frequent class only a random share of the pixels is used."""

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from annotated_types import Gt, Le
from numpy.typing import NDArray

from unet_lightning.weight.base import Weight


class Undersample(Weight):
    """Weight 1 for the pixels that are kept, 0 for the others.

    ratio: each class keeps a share of its pixels, on average at most `ratio` times as many as the rarest class has in
    the training split. share: if given, only the most frequent class is reduced, to this share. The pixels are chosen
    at random, with a seed, for every sample anew.
    """

    def __init__(self, ratio: Annotated[float, Gt(0)], share: Annotated[float, Gt(0), Le(1)] | None) -> None:
        self.ratio, self.share = ratio, share
        self.shares: NDArray[np.float32] = np.zeros(0, np.float32)  # until fit

    def fit(self, statistics: Mapping[str, Any]) -> None:
        """Compute the share of pixels that each class keeps."""
        pixels = np.array(statistics["class_pixels"], np.float64)
        rarest = pixels[pixels > 0].min()
        shares = np.minimum(1, self.ratio * rarest / np.maximum(pixels, 1))
        if self.share is not None:
            shares = np.where(np.arange(len(pixels)) == pixels.argmax(), self.share, 1.0)
        self.shares = shares.astype(np.float32)

    def describe(self) -> str:
        """The shares."""
        return "share of each class's pixels that is used: " + ", ".join(f"{s:.3g}" for s in self.shares)

    def __call__(
        self, mask: NDArray[np.uint8], instances: NDArray[np.int32] | None, random: np.random.Generator
    ) -> NDArray[np.float32]:
        """mask (H, W) to 1 where a pixel is kept, else 0, (H, W)."""
        return (random.random(mask.shape, np.float32) < self.shares[mask]).astype(np.float32)
