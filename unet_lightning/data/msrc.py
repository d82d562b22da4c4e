"""MSRC v2: Images/NAME.bmp, GroundTruth/NAME_GT.bmp in 23 colours and black, or regions in newsegmentations_mats/."""

from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from unet_lightning.data.layout import files_by_name, find_root, pair_names
from unet_lightning.error import InputError
from unet_lightning.label import LabelEncoding, color
from unet_lightning.reading.image import read_image
from unet_lightning.reading.label import decoded
from unet_lightning.reading.matlab import read_mat_variables
from unet_lightning.reading.objects import IGNORED
from unet_lightning.reading.sample import labelled
from unet_lightning.reading.text import read_list
from unet_lightning.record import DataSet, Record
from unet_lightning.sample import Sample

SOURCE = (
    "download the MSRC v2 image database (591 images) from "
    "https://www.microsoft.com/en-us/research/project/image-understanding/ and unpack it"
)
LISTS = {"Train.txt": "train", "Validation.txt": "val", "Test.txt": "test"}
CLASSES = {
    "building": 0x800000,
    "grass": 0x008000,
    "tree": 0x808000,
    "cow": 0x000080,
    "horse": 0x800080,
    "sheep": 0x008080,
    "sky": 0x808080,
    "mountain": 0x400000,
    "aeroplane": 0xC00000,
    "water": 0x408000,
    "face": 0xC08000,
    "car": 0x400080,
    "bicycle": 0xC00080,
    "flower": 0x408080,
    "sign": 0xC08080,
    "bird": 0x004000,
    "book": 0x804000,
    "chair": 0x00C000,
    "road": 0x804080,
    "cat": 0x00C080,
    "dog": 0x80C080,
    "body": 0x404000,
    "boat": 0xC04000,
}  # in the order of the publisher's table, in which the regions number them from 1
RARE = ("horse", "mountain")
STORED = LabelEncoding(len(CLASSES) + 1, colors=[color(code) for code in (0, *CLASSES.values())])  # 0 is void


def find(root: str | None, labels: Literal["colors", "regions"], rare: bool) -> DataSet:
    """All pairs, in the splits of Train.txt, Validation.txt and Test.txt if these lists exist."""
    folder = find_root(root, "Images", SOURCE, ("MSRC_ObjCategImageDatabase_v2",))
    images = files_by_name(folder / "Images", "*.bmp")
    place, ending = ("GroundTruth", "_GT.bmp") if labels == "colors" else ("newsegmentations_mats", "_GT.mat")
    names, findings = pair_names(images, files_by_name(folder / place, f"*{ending}", ending), ("Images", place))
    splits: dict[str, str] = {}
    for file, split in LISTS.items():
        if (folder / file).is_file():
            splits |= {Path(line).stem: split for line in read_list(folder / file)}
    names = [name for name in names if not splits or name in splits]
    records = tuple(
        Record(name, images[name], folder / place / f"{name}{ending}", split=splits.get(name, "")) for name in names
    )
    kept = [name for name in CLASSES if rare or name not in RARE]
    table = [IGNORED, *(kept.index(name) if name in kept else IGNORED for name in CLASSES)]
    reading = partial(read, table=tuple(table), classes=len(kept))
    return DataSet(records, tuple(kept), reading, tuple(findings), tuple(color(CLASSES[name]) for name in kept))


def read(record: Record, table: tuple[int, ...], classes: int) -> Sample:
    """The sample of a picture and its colours or regions. table: class id of each publisher's class 0 (void) to 23."""
    assert record.mask is not None
    stored = _regions(record.mask) if record.mask.suffix == ".mat" else decoded(record.mask, STORED)[0]
    return labelled(record, read_image(record.image), LabelEncoding(classes, ignore=IGNORED), np.array(table)[stored])


def _regions(path: Path) -> NDArray[Any]:
    """(H, W) publisher's classes: `newseg` numbers the regions from 1, `newlabels` has their classes; more is void."""
    content = read_mat_variables(path)
    regions, kinds = (np.asarray(content.get(name, [])) for name in ("newseg", "newlabels"))
    if regions.ndim != 2 or regions.min() < 1 or regions.max() > kinds.size + 1 or not 0 < kinds.max() <= len(CLASSES):
        raise InputError(
            f"{path}: no newseg of regions 1, 2, … with a class in newlabels for each; copy the file again"
        )
    found: NDArray[Any] = np.array([0, *kinds.ravel(), 0])[regions]
    return found
