"""Barcelona and SIFT-Flow: Images/ and SemanticLabels/, `.mat` files with `S` (0 = unlabelled) and `names`."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from unet_lightning.data.layout import files_by_name, find_root, pair_names
from unet_lightning.error import InputError
from unet_lightning.label import LabelEncoding
from unet_lightning.reading.image import read_image
from unet_lightning.reading.matlab import read_mat, read_mat_variables
from unet_lightning.reading.sample import labelled
from unet_lightning.reading.text import read_list
from unet_lightning.record import DataSet, Record
from unet_lightning.sample import Sample

SOURCE = (
    "download the full data set Barcelona, or Sift Flow, from "
    "https://jovapo.github.io/publications/2010-10-ECCV-Superparsing/eccv10.html and unpack it"
)
UNLABELLED = 0


def find(root: str | None, classes: Sequence[str] | None) -> DataSet:
    """All pairs; those of TestSet*.txt are test, the rest, or those of TrainSet*.txt, are for training."""
    folder = find_root(root, "SemanticLabels", SOURCE, ("Barcelona", "SiftFlowDataset"))
    images, labels = files_by_name(folder / "Images", "**/*.jpg"), files_by_name(folder / "SemanticLabels", "**/*.mat")
    names, findings = pair_names(images, labels, ("Images", "SemanticLabels"))
    listed = {side: _listed(folder, side) for side in ("Train", "Test")}
    for name in sorted((listed["Train"] | listed["Test"]) - set(names)):
        findings.append(f"{folder}: the lists name {name}, which lacks its picture or label; add them")
    records = []
    for name in names:
        split = "test" if name in listed["Test"] else "train" if listed["Test"] else ""
        if name in listed["Train"] | listed["Test"] or not listed["Train"]:
            records.append(Record(name, images[name], labels[name], split=split))
    if classes is None and records:
        classes = class_names(labels[records[0].id])
    return DataSet(tuple(records), tuple(classes or ()), partial(read, classes=len(classes or ())), tuple(findings))


def class_names(path: Path) -> list[str]:
    """The names a label file gives to the values 1, 2, …"""
    names = read_mat_variables(path).get("names")
    if names is None:
        raise InputError(f"{path} holds no names; set data.classes to the names of the values 1, 2, …")
    return [str(np.asarray(name).item()) for name in np.asarray(names).ravel()]


def read(record: Record, classes: int) -> Sample:
    """The sample of a picture and the regions `S` of its label file; value k is class k - 1."""
    assert record.mask is not None
    encoding = LabelEncoding(classes, UNLABELLED, {k: k - 1 for k in range(1, classes + 1)})
    return labelled(record, read_image(record.image), encoding, read_mat(record.mask, "S"))


def _listed(folder: Path, side: str) -> set[str]:
    """Names below Images/ without ending, from lists written on Windows or elsewhere."""
    lines = [line for path in sorted(folder.glob(f"{side}Set*.txt")) for line in read_list(path)]
    return {str(Path(line.replace("\\", "/")).with_suffix("")) for line in lines}
