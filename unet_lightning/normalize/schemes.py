"""nnU-Net's normalisation: a scheme for each channel.

Isensee et al., Nature Methods 2021, doi:10.1038/s41592-020-01008-z.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Len
from numpy.typing import NDArray

from unet_lightning.error import InputError
from unet_lightning.normalize.base import Affine, Normalize, affine, row_bands
from unet_lightning.normalize.empty import holds_something, mask_empty
from unet_lightning.normalize.image import ImageZScore
from unet_lightning.normalize.view import PixelView

Scheme = Literal["zscore", "masked_zscore", "ct", "rescale", "rgb", "none"]
Numbers = Annotated[Sequence[float], Len(4, 4)]
LARGEST = 255


class Schemes(Normalize):
    """Each channel by the scheme of its place; a single scheme is that of all channels.

    `zscore`: mean 0 and standard deviation 1 of the image's channel. `masked_zscore`: the same of the pixels where any
    channel isn't 0; the others stay 0. `ct`: cut off at the 0.5th and the 99.5th percentile of the training set's
    foreground, then minus its mean, divided by its standard deviation. `rescale`: smallest to 0, largest to 1. `rgb`:
    divided by 255. `none`: as it is.
    ct: for each channel the two percentiles, the mean and the standard deviation, or null where it has another scheme.
    """

    def __init__(self, schemes: Annotated[Sequence[Scheme], Len(1)], ct: Sequence[Numbers | None] | None) -> None:
        self.schemes, self.ct = list(schemes), list(ct or [None] * len(schemes))
        for place, scheme in enumerate(self.schemes):
            numbers = self.ct[place] if place < len(self.ct) else None
            if len(self.ct) != len(self.schemes) or (scheme == "ct") != (numbers is not None):
                raise InputError(
                    f"normalize.schemes={self.schemes} with normalize.ct={ct}; expected for each channel of the scheme "
                    "ct [0.5th percentile, 99.5th percentile, mean, standard deviation], for the others null"
                )
            if numbers is not None and not (numbers[0] <= numbers[1] and numbers[3] >= 0):
                raise InputError(f"normalize.ct={ct}: expected the lower percentile first, and a deviation from 0")

    def fit(self, statistics: Mapping[str, Any]) -> None:
        """Take the scheme of each channel."""
        channels = int(statistics["channels"])
        if len(self.schemes) not in (1, channels):
            raise InputError(
                f"normalize.schemes={self.schemes} for {channels} channels; expected one for each, or one for all"
            )
        if len(self.schemes) == 1:
            self.schemes, self.ct = self.schemes * channels, self.ct * channels
        if "rgb" in self.schemes and statistics.get("value_range"):
            check_bytes(*statistics["value_range"])

    @property
    def masked(self) -> list[int]:
        """The channels of a masked z-score."""
        return [place for place, scheme in enumerate(self.schemes) if scheme == "masked_zscore"]

    def describe(self) -> str:
        """The scheme of each channel."""
        pairs = zip(self.schemes, self.ct, strict=True)
        return "nnU-Net's schemes, by channel: " + ", ".join(f"{scheme} {ct}" if ct else scheme for scheme, ct in pairs)

    def __call__(self, image: NDArray[Any]) -> Affine:
        """Shift and scale of each channel by its scheme, from the whole image."""
        found = {scheme: self._measure(scheme, image) for scheme in dict.fromkeys(self.schemes)}
        chosen = [[numbers[place] for numbers in found[scheme]] for place, scheme in enumerate(self.schemes)]
        shift, scale = np.array(chosen).T  # (C,) each
        return affine(shift, scale)

    def prepare(self, part: NDArray[Any], numbers: Affine) -> NDArray[Any]:
        """(h, w, C) float32: `ct` channels cut off; masked ones, where the image holds nothing, what becomes 0."""
        values = part.astype(np.float32)
        for place, limits in enumerate(self.ct):
            if limits is not None:
                values[..., place] = values[..., place].clip(limits[0], limits[1])
        if self.masked:
            empty = ~holds_something(part)
            for place in self.masked:
                values[empty, place] = numbers[0][place]
        return values

    def _measure(self, scheme: str, image: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Shift and scale (C,) of all channels by one scheme."""
        channels = image.shape[2]
        zeros, ones = np.zeros(channels), np.ones(channels)
        if scheme == "zscore":
            return ImageZScore()(image)
        if scheme == "masked_zscore":
            something: Any = PixelView(image, mask_empty)
            return ImageZScore()(something) if any(True for _ in row_bands(something)) else (zeros, ones)
        if scheme == "ct":
            numbers = np.array([given or (0, 0, 0, 1) for given in self.ct])  # (C, 4)
            return numbers[:, 2], numbers[:, 3].clip(1e-8)
        if scheme == "none":
            return zeros, ones
        bands = [(band.min((0, 1)), band.max((0, 1))) for band in row_bands(image)]
        low, high = np.min([low for low, _ in bands], 0), np.max([high for _, high in bands], 0)
        if scheme == "rescale":
            return low, high.astype(np.float64) - low
        check_bytes(low.min(), high.max())
        return zeros, LARGEST * ones


def check_bytes(low: float, high: float) -> None:
    """InputError for values that are no bytes."""
    if low < 0 or high > LARGEST:
        raise InputError(f"values {low:g} to {high:g} with the scheme rgb; expected 0 to 255. Set normalize.schemes")
