"""COCO: annotations/instances_NAME.json with polygons and run lengths, and the images in NAME/ or images/."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from unet_lightning.data.layout import find_root, val_is_test
from unet_lightning.error import InputError
from unet_lightning.reading import coco
from unet_lightning.reading.found import Found
from unet_lightning.reading.text import TextBlock
from unet_lightning.reading.undrawn import Boxes, undrawn, with_boxes
from unet_lightning.record import SPLITS, DataSet

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
    found = Found()
    class_ids: dict[Any, int] = {}
    classes: tuple[str, ...] = ()
    for path in sorted(folder.glob("annotations/instances_*.json")):
        name = path.stem.removeprefix("instances_")
        description = with_boxes(coco.read_description(path), boxes)
        classes = ("background", *categories) if categories else classes or description.classes
        ids = description.class_ids(classes, strict=False)
        places = (folder / name, folder / "images" / name, folder / "images", folder)
        split = next((s for s in SPLITS if name.startswith(s)), "")
        one = coco.find_images(description, places, f"{name}/", split)
        kept = [record for record in one.records if empty or coco.has_objects(one.texts[record.id], ids)]
        found.extend(replace(one, records=kept))
        undrawn_findings, undrawn_notes = undrawn(description, ids)
        found.extend(Found(findings=undrawn_findings, notes=undrawn_notes))
        if class_ids and ids != class_ids:
            raise InputError(
                f"{path} has other categories than the file before it; keep files of one set in annotations/"
            )
        class_ids = ids
    trained = all(record.split for record in found.records) and any(r.split == "train" for r in found.records)
    placed = val_is_test(found.records) if trained else tuple(replace(record, split="") for record in found.records)
    texts = TextBlock(found.texts)
    reading = partial(
        coco.read, texts=texts, class_ids=class_ids, classes=len(classes), channels=3, instances=instances
    )
    return DataSet(placed, tuple(classes), reading, tuple(found.findings), notes=tuple(found.notes))
