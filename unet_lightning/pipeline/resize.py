"""Resize an image and its label: grey values are averaged over areas, labels taken from the nearest pixel."""

from dataclasses import replace

from unet_lightning.sample import Sample
from unet_lightning.tiling.resample import nearest, new_shape, resampled


def resized(sample: Sample, scale: float | tuple[float, float]) -> Sample:
    """The sample with height and width multiplied by `scale`, rounded, at least 1 pixel; dtypes are kept."""
    shape = new_shape(sample.mask.shape, scale if isinstance(scale, tuple) else (scale, scale))
    return replace(
        sample,
        image=resampled(sample.image, shape),
        mask=nearest(sample.mask, shape),
        valid=nearest(sample.valid, shape),
        instances=None if sample.instances is None else nearest(sample.instances, shape),
        nodata=None if sample.nodata is None else nearest(sample.nodata, shape),
    )
