"""Gamma: values, scaled to [0, 1], to a power."""

import numpy as np

from unet_lightning.augment.intensity import Image, Intensity
from unet_lightning.augment.interval import Factors, around_one, factors
from unet_lightning.augment.warp import Probability

SMALLEST = np.float32(1e-7)  # range or deviation of a channel that is divided by


class Gamma(Intensity):
    """Raises each channel, scaled from its range to [0, 1], to a power of its own, as often above 1 as below.

    Mean and standard deviation of each channel stay what they were. negated: whether it is done to the image with its
    sign changed, which spreads the bright values instead of the dark ones.
    """

    def __init__(self, probability: Probability, exponent: Factors, negated: bool) -> None:
        super().__init__(probability)
        self.exponent, self.sign = factors("exponent", exponent), np.float32(-1 if negated else 1)

    def change(self, image: Image, random: np.random.Generator) -> Image:
        """(C, h, w) float32."""
        power = around_one(*self.exponent, len(image), random)
        signed = self.sign * image
        low, high = (f(signed, axis=(1, 2), keepdims=True) for f in (np.min, np.max))
        unit = (signed - low) / np.maximum(high - low, SMALLEST)
        return self.sign * _with_moments_of(signed, unit**power)


def _with_moments_of(image: Image, other: Image) -> Image:
    """`other`, shifted and scaled to the mean and the standard deviation of each channel of `image`, both (C, h, w)."""
    mean, other_mean = (part.mean((1, 2), keepdims=True) for part in (image, other))
    deviation, other_deviation = (part.std((1, 2), keepdims=True) for part in (image, other))
    scaled: Image = (other - other_mean) / np.maximum(other_deviation, SMALLEST) * deviation + mean
    return scaled
