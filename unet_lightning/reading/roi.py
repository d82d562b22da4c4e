"""ImageJ's ROI sets as labels: a .zip a picture, an object a ROI, its group is the class id where there are several."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_lightning.error import InputError, counted
from unet_lightning.reading.failure import broken
from unet_lightning.reading.image import as_channels, read_image
from unet_lightning.reading.objects import Object, boxed, outline, smallest_last, to_objects_sample
from unet_lightning.reading.optional import require
from unet_lightning.record import Record
from unet_lightning.sample import Sample

ENDING = ".zip"
DRAWN = ("POLYGON", "FREEHAND", "TRACED", "RECT")  # kinds of ROIs that have an area and corners


def read(record: Record, classes: int, channels: int | None, axes: str | None = None) -> Sample:
    """The sample of a picture and its ROIs: the smaller one lies on top. Groups are class ids, or all are class 1."""
    path = record.mask or record.instances
    assert path is not None
    image = as_channels(read_image(record.image, record.page, axes), channels)
    try:
        objects = smallest_last(_objects(path, classes, (image.shape[0], image.shape[1])))
    except InputError as error:
        raise error if str(path) in str(error) else InputError(f"{path}: {error}") from None
    return to_objects_sample(image, objects, classes)


def _objects(path: Path, classes: int, shape: tuple[int, int]) -> Iterator[Object]:
    roifile = require("roifile", "roi")
    try:
        rois = roifile.ImagejRoi.fromfile(path)
    except Exception as error:  # zipfile and roifile raise many kinds
        raise broken(path, f"not a set of ROIs ({error})") from None
    for roi in rois if isinstance(rois, list) else [rois]:
        if classes > 2 and not 1 <= roi.group < classes:
            came = f"the ROI {roi.name} is of group {roi.group}"
            raise InputError(f"{came}; expected a class id, 1 to {classes - 1}; set it in ImageJ (Properties, Group)")
        yield from boxed(roi.group if classes > 2 else 1, _mask(roi, shape))


def _mask(roi: Any, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """(H, W); of a composite ROI what an odd number of its rings holds."""
    if roi.composite:
        mask = np.zeros(shape, bool)
        for ring in roi.path2coords(roi.multi_coordinates):
            mask ^= outline([ring], shape)
        return mask
    if roi.roitype.name not in DRAWN:
        came = f"the ROI {roi.name} is a {roi.roitype.name.lower()}"
        raise InputError(
            f"{came}; expected {', '.join(DRAWN).lower()} or composite; make it one in ImageJ, or delete it"
        )
    corners = roi.coordinates()
    if len(corners) < 3:
        raise InputError(f"the ROI {roi.name} has {counted(len(corners), 'corner')}; expected three or more; delete it")
    return outline([corners], shape)
