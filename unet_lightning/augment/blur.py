"""Gaussian blur."""

import cv2
import numpy as np

from unet_lightning.augment.intensity import Image, Intensity
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

    def change(self, image: Image, random: np.random.Generator) -> Image:
        """(C, h, w) float32; mirrored beyond its edge."""
        blurred = image.copy()
        for channel in np.flatnonzero(random.uniform(size=len(image)) < self.channel_probability):
            down, across = random.uniform(*self.sigma, 2)
            blurred[channel] = cv2.GaussianBlur(image[channel], (0, 0), across, sigmaY=down)
        return blurred
