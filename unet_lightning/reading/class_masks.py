"""One mask per class: several binary pictures for one image."""

import numpy as np

from unet_lightning.error import InputError
from unet_lightning.label import LabelEncoding
from unet_lightning.reading.image import as_channels, read_image
from unet_lightning.reading.label import read_label
from unet_lightning.reading.objects import IGNORED
from unet_lightning.reading.sample import labelled
from unet_lightning.record import Record
from unet_lightning.sample import Sample, check_whole


def read(
    record: Record,
    classes: int,
    channels: int | None,
    threshold: float | None,
    variable: str | None,
    axes: str | None = None,
) -> Sample:
    """The sample of a record whose parts are the masks of classes 1, 2, …; a later class lies on top of an earlier.

    Any value but 0 is the class, or any above the threshold. Pixels without data are ignored, unless a later class lies
    there; with a threshold their number is one like the others.
    """
    image = as_channels(read_image(record.image, record.page, axes), channels)
    mask = np.zeros(image.shape[:2], np.int32)
    for k, path in enumerate(record.parts, 1):
        stored = read_label(path, False, record.page, variable)
        unknown = np.ma.getmaskarray(stored) & (np.ma.getdata(stored) != 0) & (threshold is None)
        stored = np.where(unknown, 0, np.ma.getdata(stored))
        try:
            check_whole(stored, "mask")
            if stored.shape != mask.shape:
                raise InputError(f"mask is {stored.shape}, its image is {mask.shape}; give both the same size")
            if threshold is None and len(np.unique(stored)) > 2:
                raise InputError(
                    f"mask of one class holds {len(np.unique(stored))} values; expected 0 and another; "
                    "set data.threshold=127 if it was smoothed"
                )
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
        mask[unknown] = IGNORED
        mask[stored > (threshold or 0)] = k
    instances = None if record.instances is None else read_label(record.instances, False, record.page, variable)
    return labelled(record, image, LabelEncoding(classes, ignore=IGNORED), mask, instances)
