"""COCO: annotations/instances_NAME.json with polygons and run lengths, and the images in NAME/ or images/."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from unet_lightning.data.layout import find_root, val_is_test
from unet_lightning.error import InputError
from unet_lightning.reading import coco
from unet_lightning.reading.text import TextBlock
from unet_lightning.record import SPLITS, DataSet, Record

SOURCE = (
    "download annotations_trainval2017.zip, train2017.zip and val2017.zip from https://cocodataset.org and unpack them"
)


def find(root: str | None, categories: Sequence[str] | None, instances: bool, empty: bool) -> DataSet:
    """The images of every instances_*.json, in the split its name begins with; the list val is the test split.

    Annotations of categories that aren't chosen are background. Pixels of crowds are ignored.
    """
    folder = find_root(root, "annotations/instances_*.json", SOURCE)
    records: list[Record] = []
    findings: list[str] = []
    texts: dict[str, str] = {}
    class_ids: dict[Any, int] = {}
    classes: tuple[str, ...] = ()
    for path in sorted(folder.glob("annotations/instances_*.json")):
        name = path.stem.removeprefix("instances_")
        description = coco.read_description(path)
        classes = ("background", *categories) if categories else classes or description.classes
        ids = description.class_ids(classes, strict=False)
        places = (folder / name, folder / "images" / name, folder / "images", folder)
        split = next((s for s in SPLITS if name.startswith(s)), "")
        found, missing, text = coco.find_images(description, places, f"{name}/", split)
        records += found if empty else [record for record in found if coco.has_objects(text[record.id], ids)]
        findings, texts = findings + missing, texts | text
        if class_ids and ids != class_ids:
            raise InputError(
                f"{path} has other categories than the file before it; keep files of one set in annotations/"
            )
        class_ids = ids
    trained = all(record.split for record in records) and any(record.split == "train" for record in records)
    placed = val_is_test(records) if trained else tuple(replace(record, split="") for record in records)
    reading = partial(
        coco.read, texts=TextBlock(texts), class_ids=class_ids, classes=len(classes), channels=3, instances=instances
    )
    return DataSet(placed, tuple(classes), reading, tuple(findings))
