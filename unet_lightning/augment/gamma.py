"""Gamma: values, scaled to [0, 1], to a power."""

from typing import Any

import numpy as np

from unet_lightning.augment.intensity import Intensity, Shape, by_channel
from unet_lightning.augment.interval import Factors, around_one, factors
from unet_lightning.augment.warp import Probability

SMALLEST = float(np.float32(1e-7))  # range or deviation of a channel that is divided by


class Gamma(Intensity):
    """Raises each channel, scaled from its range to [0, 1], to a power of its own, as often above 1 as below.

    Mean and standard deviation of each channel stay what they were. negated: whether it is done to the image with its
    sign changed, which spreads the bright values instead of the dark ones.
    """

    def __init__(self, probability: Probability, exponent: Factors, negated: bool) -> None:
        super().__init__(probability)
        self.exponent, self.sign = factors("exponent", exponent), -1.0 if negated else 1.0

    def draw(self, shape: Shape, random: np.random.Generator) -> Any:
        """(C, 1, 1) powers."""
        return around_one(*self.exponent, shape[0], random)

    def change(self, image: Any, drawn: Any) -> Any:
        """(C, h, w) float32."""
        signed = self.sign * image
        low, high = by_channel(signed, "min", "max")
        unit = (signed - low) / (high - low).clip(SMALLEST)
        return self.sign * _with_moments_of(signed, unit**drawn)


def _with_moments_of(image: Any, other: Any) -> Any:
    """`other`, shifted and scaled to the mean and the standard deviation of each channel of `image`, both (C, h, w)."""
    (mean, deviation), (other_mean, other_deviation) = (by_channel(part, "mean", "std") for part in (image, other))
    return (other - other_mean) / other_deviation.clip(SMALLEST) * deviation + mean
