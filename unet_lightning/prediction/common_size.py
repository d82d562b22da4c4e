"""Images as training read them: what holds no data is filled, and pixels have the size that training resampled to."""

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_lightning.error import InputError
from unet_lightning.reading.nodata import filled, masked
from unet_lightning.reading.pixel_size import PixelSize, scale_to
from unet_lightning.tiling.resample import nearest, new_shape, resampled

log = logging.getLogger(__name__)
Factors = tuple[float, float]  # of the height and the width


class CommonSize:
    """The size of pixels that training resampled to. data: the keys of `data` of a checkpoint's config."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.side, self.unit, self.told = data.get("resample"), data.get("unit") or "um", False

    def scale_of(self, size: PixelSize | None) -> Factors | None:
        """By what images with pixels of that size are resampled, None where training didn't resample.

        InputError where it did and the size isn't known.
        """
        if self.side is None:
            return None
        if size is None:
            said = f"no pixel size is known; training resampled to {self.side:g} {self.unit}"
            raise InputError(f"{said}; set data.pixel_size=…")
        return scale_to(size, self.side, self.unit)

    def check(self, scale: Factors | None) -> None:
        """Warn, once, of an image without a scale where training resampled."""
        if self.side is not None and scale is None and not self.told:
            self.told = True
            log.warning(
                f"an image without a scale is predicted as if its pixels were {self.side:g} {self.unit} wide, which "
                f"training resampled to; give scale=(HEIGHT / {self.side:g}, WIDTH / {self.side:g}), those of its "
                f"pixels in {self.unit}"
            )


def as_read(image: Any) -> Any:
    """An image as files are read: (H, W) is (H, W, 1), and what a masked array leaves out holds the mean of the rest.

    What is read by slices stays as it is. InputError where nothing is left.
    """
    if not isinstance(image, np.ndarray):
        return image
    image = image[..., None] if image.ndim == 2 else image
    return filled("the image", image) if image.ndim == 3 else image


def rescaled(image: Any, scale: Factors) -> NDArray[Any]:
    """An image (H, W, C) with height and width times the scale of each, masked where the nearest pixel is."""
    if not isinstance(image, np.ndarray):
        raise InputError("too large for the memory to be resampled; store it with the pixel size of training")
    shape = new_shape(image.shape, scale)
    small = resampled(np.ma.getdata(image), shape)
    if not isinstance(image, np.ma.MaskedArray):
        return small
    return masked(small, nearest(np.asarray(np.ma.getmaskarray(image).any(2)), shape))
