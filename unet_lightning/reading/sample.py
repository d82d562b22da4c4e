"""A record's files to its sample."""

from typing import Any

from numpy.typing import NDArray

from unet_lightning.error import InputError
from unet_lightning.label import LabelEncoding
from unet_lightning.reading.image import as_channels, read_image
from unet_lightning.reading.label import read_label
from unet_lightning.record import Record
from unet_lightning.sample import Sample, to_sample


def read_files(
    record: Record,
    encoding: LabelEncoding,
    channels: int | None = None,
    variable: str | None = None,
    axes: str | None = None,
) -> Sample:
    """The sample of a record whose image, mask and instances are files of numbers or colours.

    channels: 1 turns colour to grey, 3 repeats grey; None leaves the image as it is. variable: of a .mat label. axes:
    `data.axes`, of arrays and stacks.
    """
    image = read_image(record.image, record.page, axes)
    form = (record.page, variable)
    mask, instances = None, None
    if record.mask is not None:
        mask = read_label(record.mask, encoding.colors is not None, *form, encoding.classes, axes)
    if record.instances is not None:
        instances = read_label(record.instances, False, *form, axes=axes)
    return labelled(record, as_channels(image, channels), encoding, mask, instances)


def labelled(
    record: Record,
    image: NDArray[Any],
    encoding: LabelEncoding,
    mask: NDArray[Any] | None = None,
    instances: NDArray[Any] | None = None,
) -> Sample:
    """`to_sample`, with the label's file named in its InputError."""
    try:
        return to_sample(image, encoding, mask, instances)
    except InputError as error:
        page = "" if record.page is None else f", slice {record.page}"
        raise InputError(f"{record.mask or record.instances or record.image}{page}: {error}") from None
