"""LiTS, and the Medical Segmentation Decathlon: NIfTI volumes as axial slices, the patient as group."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from unet_lightning.data.layout import expand_slices, find_root, pair_names
from unet_lightning.error import InputError
from unet_lightning.label import LabelEncoding
from unet_lightning.reading.image import read_image
from unet_lightning.reading.label import read_label
from unet_lightning.reading.sample import labelled
from unet_lightning.record import DataSet, Record
from unet_lightning.sample import Sample

SOURCE = (
    "download the training batches of LiTS from https://competitions.codalab.org/competitions/17094, "
    "or Task03_Liver from http://medicaldecathlon.com, and unpack them"
)
ENDINGS = (".nii.gz", ".nii")


def find(root: str | None, classes: Sequence[str], low: float | None, high: float | None) -> DataSet:
    """A record for every slice of every labelled volume; no split is published for them."""
    if low is not None and high is not None and low >= high:
        raise InputError(f"data.low={low} data.high={high}: expected low below high; correct one of them")
    folder = find_root(root, "**/*.nii*", SOURCE)
    if (folder / "imagesTr").is_dir():
        images, labels = _volumes(folder / "imagesTr", ""), _volumes(folder / "labelsTr", "")
    else:
        images, labels = _volumes(folder, "volume-"), _volumes(folder, "segmentation-")
    names, findings = pair_names(images, labels, ("the volumes", "the labels"))
    records: list[Record] = []
    for name in names:
        try:
            records += expand_slices(Record(name, images[name], labels[name]))
        except InputError as error:
            findings.append(str(error))
    reading = partial(read, encoding=LabelEncoding(len(classes)), low=low, high=high)
    return DataSet(tuple(records), tuple(classes), reading, tuple(findings))


def read(record: Record, encoding: LabelEncoding, low: float | None, high: float | None) -> Sample:
    """The sample of a slice, its grey values cut off below `low` and above `high`, in the type they are stored in."""
    assert record.mask is not None
    image, mask = read_image(record.image, record.page), read_label(record.mask, page=record.page)
    image = np.clip(image, low, high).astype(image.dtype) if (low, high) != (None, None) else image
    return labelled(record, image, encoding, mask)


def _volumes(folder: Path, start: str) -> dict[str, Path]:
    """Volumes by the rest of their names; a folder may divide them into batches."""
    found = {}
    for path in sorted(folder.glob(f"**/{start}*.nii*")):
        ending = next((e for e in ENDINGS if path.name.endswith(e)), None)
        if ending and not path.name.startswith("."):
            found[path.name.removeprefix(start).removesuffix(ending)] = path
    return found
