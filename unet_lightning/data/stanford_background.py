"""Stanford Background: images/NAME.jpg and labels/NAME.regions.txt, rows of class ids, negative where unknown."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_lightning.data import by_name, located, paired
from unet_lightning.error import InputError
from unet_lightning.label import Coding
from unet_lightning.pipeline.read import labelled, read_image
from unet_lightning.pipeline.text import read_list
from unet_lightning.record import DataSet, Record
from unet_lightning.sample import Sample

SOURCE = "download iccv09Data.tar.gz from http://dags.stanford.edu/projects/scenedataset.html and unpack it"
UNKNOWN = -1


def find(root: str | None, classes: Sequence[str]) -> DataSet:
    """All pictures with their regions. No split is published; the authors cross-validated with five folds."""
    folder = located(root, "images", SOURCE, ("iccv09Data",))
    images, labels = by_name(folder / "images", "*.jpg"), by_name(folder / "labels", "*.regions.txt", ".regions.txt")
    names, findings = paired(images, labels, ("images", "labels"))
    records = tuple(Record(name, images[name], labels[name]) for name in names)
    return DataSet(records, tuple(classes), partial(read, classes=len(classes)), tuple(findings))


def read(record: Record, classes: int) -> Sample:
    """The sample of a picture and its table of class ids."""
    assert record.mask is not None
    mask = np.maximum(read_rows(record.mask), UNKNOWN)
    return labelled(record, read_image(record.image), Coding(classes, ignore=UNKNOWN), mask)


def read_rows(path: Path) -> NDArray[Any]:
    """(H, W) whole numbers of a text file, a line a row of pixels."""
    try:
        rows = [np.array(line.split(), np.int32) for line in read_list(path)]
        table = np.stack(rows)
    except ValueError as error:
        raise InputError(f"{path}: {error}; expected rows of equally many whole numbers; correct the row") from None
    if table.ndim != 2:
        raise InputError(f"{path} holds no rows of numbers; copy the file again from its source")
    return table
