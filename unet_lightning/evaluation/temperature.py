"""The temperature by which logits of classes are divided so that probabilities agree with how often they are right.

Guo et al., On calibration of modern neural networks, ICML 2017, https://proceedings.mlr.press/v70/guo17a.html.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from torch import Tensor
from torch.nn.functional import cross_entropy

from unet_lightning.target.base import Target

GRID = np.linspace(-3, 3, 25)  # binary logarithms of the temperatures that are tried: 1/8 to 8
MOST = 2**17  # pixels of an image, evenly spread


class TemperatureFit:
    """Sums the negative log-likelihood of images, one after the other, at several temperatures.

    Memory is that of one image, and every image counts by its number of labelled pixels.
    """

    def __init__(self, target: Target) -> None:
        self.target, self.losses = target, np.zeros(len(GRID))

    def add(self, outputs: Tensor, mask: NDArray[Any], valid: NDArray[np.bool_]) -> None:
        """An image: what the network says of it, (L, H, W), class ids (H, W), and (H, W) bool, false where ignored."""
        places = np.flatnonzero(valid)
        if not len(places):
            return
        chosen = places[:: -(-len(places) // MOST)]
        labels = torch.from_numpy(mask.ravel()[chosen].astype(np.int64))
        kept = outputs.flatten(1)[:, torch.from_numpy(chosen).to(outputs.device)].float()  # (L, N)
        scores = self.target.scores(kept).cpu().double().T  # (N, K), as not every device has float64
        for k, power in enumerate(GRID):
            self.losses[k] += float(cross_entropy(scores / 2**power, labels)) * len(places)

    def best(self) -> float:
        """The temperature with the lowest loss, by a cubic spline between those tried; 1 where none is better."""
        curve: Any = CubicSpline(GRID, self.losses)  # type: ignore[no-untyped-call]
        turns = curve.derivative().roots(extrapolate=False)
        powers = [0.0, GRID[0], GRID[-1], *turns[np.isfinite(turns)]]
        return float(f"{2 ** min(powers, key=curve):.4g}")
