"""Low resolution: made smaller, and as large again."""

from typing import Any

import cv2
import numpy as np
from torch import Tensor
from torch.nn.functional import interpolate

from unet_lightning.augment.intensity import Intensity, Shape
from unet_lightning.augment.interval import Factors, interval
from unet_lightning.augment.warp import Probability


class LowResolution(Intensity):
    """Makes some channels smaller by nearest neighbour, each by a scale of its own, and as large again linearly.

    scale: of the sides, evenly distributed over the interval. channel_probability: share of the channels.
    """

    def __init__(self, probability: Probability, scale: Factors, channel_probability: Probability) -> None:
        super().__init__(probability)
        self.scale, self.channel_probability = interval(scale), channel_probability

    def draw(self, shape: Shape, random: np.random.Generator) -> list[tuple[int, ...]]:
        """The channels that are made smaller, with the height and width that they have then."""
        found = []
        for channel in np.flatnonzero(random.uniform(size=shape[0]) < self.channel_probability).tolist():
            scale = random.uniform(*self.scale)
            found.append((channel, *(max(1, round(side * scale)) for side in shape[1:])))
        return found

    def change(self, image: Any, drawn: Any) -> Any:
        """(C, h, w) float32; pixel centres stay where they are."""
        height, width = image.shape[1:]
        on_device = isinstance(image, Tensor)
        coarse = image.clone() if on_device else image.copy()
        for channel, *size in drawn:
            if on_device:
                small = interpolate(image[channel][None, None], size, mode="nearest-exact")
                coarse[channel] = interpolate(small, (height, width), mode="bilinear")[0, 0]
            else:
                small = cv2.resize(image[channel], size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
                coarse[channel] = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
        return coarse
