"""DRIVE: training/images/21_training.tif, 1st_manual/21_manual1.gif, mask/21_training_mask.gif (field of view)."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from unet_lightning.data.layout import files_by_name, find_root, pair_names
from unet_lightning.error import InputError
from unet_lightning.label import LabelEncoding
from unet_lightning.reading.image import read_image
from unet_lightning.reading.label import decoded, read_label
from unet_lightning.reading.objects import IGNORED
from unet_lightning.reading.sample import labelled
from unet_lightning.record import DataSet, Record
from unet_lightning.sample import Sample

SOURCE = "register for DRIVE at https://drive.grand-challenge.org, download training.zip and test.zip and unpack them"
STORED = LabelEncoding(2, colors=[(0, 0, 0), (255, 255, 255)])  # the numbers of a GIF are no grey values


def find(root: str | None, classes: Sequence[str]) -> DataSet:
    """The labelled pictures of training/, and of test/ where its labels, which not every copy has, are there."""
    folder = find_root(root, "training", SOURCE, ("DRIVE",))
    records: list[Record] = []
    findings: list[str] = []
    labelled_test = (folder / "test" / "1st_manual").is_dir()
    for side, split in (("training", "train" if labelled_test else ""), ("test", "test"))[: 1 + labelled_test]:
        images = files_by_name(folder / side / "images", "*.tif", f"_{side}.tif")
        masks = files_by_name(folder / side / "1st_manual", "*.gif", "_manual1.gif")
        fields = files_by_name(folder / side / "mask", "*.gif", f"_{side}_mask.gif")
        names, lonely = pair_names(images, masks, (f"{side}/images", f"{side}/1st_manual"))
        findings += lonely + [
            f"{images[k]} has no field of view in {side}/mask; add it" for k in names if k not in fields
        ]
        for name in names:
            records.append(
                Record(name, images[name], masks[name], split=split, parts=(fields.get(name, images[name]),))
            )
    return DataSet(tuple(records), tuple(classes), partial(read, classes=len(classes)), tuple(findings))


def read(record: Record, classes: int) -> Sample:
    """The sample of a picture; pixels outside the field of view, which its `parts` name, are ignored."""
    assert record.mask is not None
    image, field = read_image(record.image), read_label(record.parts[0], in_color=True)[..., 0]
    mask = decoded(record.mask, STORED)[0].astype(np.int32)
    if field.shape != mask.shape:
        raise InputError(f"{record.mask} and {record.parts[0]} are of two sizes; copy both again from their source")
    return labelled(record, image, LabelEncoding(classes, ignore=IGNORED), np.where(field > 0, mask, IGNORED))
