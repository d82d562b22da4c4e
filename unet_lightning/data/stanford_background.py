"""Stanford Background: images/NAME.jpg and labels/NAME.regions.txt, rows of class ids, negative where unknown."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_lightning.data.layout import files_by_name, find_root, pair_names
from unet_lightning.error import InputError
from unet_lightning.label import LabelEncoding
from unet_lightning.reading.image import read_image
from unet_lightning.reading.sample import labelled
from unet_lightning.reading.text import read_list
from unet_lightning.record import DataSet, Record
from unet_lightning.sample import Sample

SOURCE = "download iccv09Data.tar.gz from http://dags.stanford.edu/projects/scenedataset.html and unpack it"
UNKNOWN = -1


def find(root: str | None, classes: Sequence[str]) -> DataSet:
    """All pictures with their regions. No split is published; the authors cross-validated with five folds."""
    folder = find_root(root, "images", SOURCE, ("iccv09Data",))
    images, labels = (
        files_by_name(folder / "images", "*.jpg"),
        files_by_name(folder / "labels", "*.regions.txt", ".regions.txt"),
    )
    names, findings = pair_names(images, labels, ("images", "labels"))
    records = tuple(Record(name, images[name], labels[name]) for name in names)
    return DataSet(records, tuple(classes), partial(read, classes=len(classes)), tuple(findings))


def read(record: Record, classes: int) -> Sample:
    """The sample of a picture and its table of class ids."""
    assert record.mask is not None
    mask = np.maximum(read_rows(record.mask), UNKNOWN)
    return labelled(record, read_image(record.image), LabelEncoding(classes, ignore=UNKNOWN), mask)


def read_rows(path: Path) -> NDArray[Any]:
    """(H, W) int32 from a text file with one line for each row of pixels."""
    try:
        rows = [np.array(line.split(), np.int32) for line in read_list(path)]
        table = np.stack(rows)
    except ValueError as error:
        raise InputError(f"{path}: {error}; expected rows of equally many whole numbers; correct the row") from None
    if table.ndim != 2:
        raise InputError(f"{path} holds no rows of numbers; copy the file again from its source")
    return table
