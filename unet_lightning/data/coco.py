"""COCO: annotations/instances_NAME.json with polygons and run lengths, and the images in NAME/ or images/."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from unet_lightning.data.layout import find_root, val_is_test
from unet_lightning.error import InputError
from unet_lightning.reading import coco
from unet_lightning.reading.text import TextBlock
from unet_lightning.reading.undrawn import Boxes, undrawn, with_boxes
from unet_lightning.record import SPLITS, DataSet, Record

SOURCE = (
    "download annotations_trainval2017.zip, train2017.zip and val2017.zip from https://cocodataset.org and unpack them"
)


def find(
    root: str | None, categories: Sequence[str] | None, instances: bool, empty: bool, boxes: Boxes | None = None
) -> DataSet:
    """The images of every instances_*.json, on the side its name begins with; val is test, and val taken from train.

    Annotations of other categories than those chosen are background. A crowd counts nowhere. boxes: what becomes of
    objects that have a box and no outline.
    """
    folder = find_root(root, "annotations/instances_*.json", SOURCE)
    records: list[Record] = []
    findings: list[str] = []
    notes: list[str] = []
    texts: dict[str, str] = {}
    class_ids: dict[Any, int] = {}
    classes: tuple[str, ...] = ()
    for path in sorted(folder.glob("annotations/instances_*.json")):
        name = path.stem.removeprefix("instances_")
        description = with_boxes(coco.read_description(path), boxes)
        classes = ("background", *categories) if categories else classes or description.classes
        ids = description.class_ids(classes, strict=False)
        places = (folder / name, folder / "images" / name, folder / "images", folder)
        split = next((s for s in SPLITS if name.startswith(s)), "")
        found = coco.find_images(description, places, f"{name}/", split)
        records += [record for record in found.records if empty or coco.has_objects(found.texts[record.id], ids)]
        undrawn_findings, undrawn_notes = undrawn(description, ids)
        findings, notes = findings + found.findings + undrawn_findings, notes + found.notes + undrawn_notes
        texts |= found.texts
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
    return DataSet(placed, tuple(classes), reading, tuple(findings), notes=tuple(notes))
