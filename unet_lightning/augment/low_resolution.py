"""Low resolution: made smaller, and as large again."""

import cv2
import numpy as np

from unet_lightning.augment.intensity import Image, Intensity
from unet_lightning.augment.interval import Factors, interval
from unet_lightning.augment.warp import Probability


class LowResolution(Intensity):
    """Makes some channels smaller by nearest neighbour, each by a scale of its own, and as large again linearly.

    scale: of the sides, evenly distributed over the interval. channel_probability: share of the channels.
    """

    def __init__(self, probability: Probability, scale: Factors, channel_probability: Probability) -> None:
        super().__init__(probability)
        self.scale, self.channel_probability = interval(scale), channel_probability

    def change(self, image: Image, random: np.random.Generator) -> Image:
        """(C, h, w) float32; pixel centres stay where they are."""
        height, width = image.shape[1:]
        coarse = image.copy()
        for channel in np.flatnonzero(random.uniform(size=len(image)) < self.channel_probability):
            scale = random.uniform(*self.scale)
            size = [max(1, round(side * scale)) for side in (width, height)]
            small = cv2.resize(image[channel], size, interpolation=cv2.INTER_NEAREST_EXACT)
            coarse[channel] = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
        return coarse
