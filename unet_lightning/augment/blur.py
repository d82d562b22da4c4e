"""Gaussian blur."""

from math import exp
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from unet_lightning.augment.intensity import Intensity, Shape
from unet_lightning.augment.interval import Factors, interval
from unet_lightning.augment.warp import Probability


class GaussianBlur(Intensity):
    """Blurs some channels, each along its two axes apart.

    sigma: standard deviation in pixels, evenly distributed over the interval. channel_probability: share of the
    channels.
    """

    def __init__(self, probability: Probability, sigma: Factors, channel_probability: Probability) -> None:
        super().__init__(probability)
        self.sigma, self.channel_probability = interval(sigma), channel_probability

    def draw(self, shape: Shape, random: np.random.Generator) -> list[tuple[int, float, float]]:
        """The channels that are blurred, with the deviations down and across."""
        chosen = np.flatnonzero(random.uniform(size=shape[0]) < self.channel_probability).tolist()
        return [(channel, *random.uniform(*self.sigma, 2).tolist()) for channel in chosen]

    def change(self, image: Any, drawn: Any) -> Any:
        """(C, h, w) float32; mirrored beyond its edge."""
        on_device = isinstance(image, Tensor)
        blurred = image.clone() if on_device else image.copy()
        for channel, down, across in drawn:
            if on_device:
                blurred[channel] = smooth(smooth(image[channel], down, 0), across, 1)
            else:
                blurred[channel] = cv2.GaussianBlur(image[channel], (0, 0), across, sigmaY=down)
        return blurred


def smooth(image: Tensor, sigma: float, axis: int) -> Tensor:
    """(h, w) smoothed along an axis by OpenCV's kernel of this deviation, which ends after four deviations."""
    reach, size = (round(8 * sigma + 1) | 1) // 2, image.shape[axis]
    weights = [exp(-((place / sigma) ** 2) / 2) for place in range(-reach, reach + 1)]
    period = max(1, 2 * (size - 1))
    places = torch.arange(-reach, size + reach, device=image.device).abs() % period
    wider = image.index_select(axis, torch.minimum(places, period - places))
    smoothed: Tensor = sum(  # type: ignore[assignment]
        wider.narrow(axis, k, size) * (weight / sum(weights)) for k, weight in enumerate(weights)
    )
    return smoothed
