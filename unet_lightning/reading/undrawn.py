"""Annotations of a COCO file that have no outline: counted by their kind, and boxes drawn where that is wanted."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from math import isfinite
from typing import Any, Literal

from unet_lightning.error import counted
from unet_lightning.reading.coco import Description

Boxes = Literal["draw", "ignore"]
ONE = {"boxes": "box", "empty outlines": "empty outline"}


def with_boxes(description: Description, boxes: Boxes | None) -> Description:
    """The description with what has a box and no outline drawn as a rectangle of its class, or to be ignored."""
    annotations = {
        number: [_drawn(annotation, boxes) if kind_of(annotation) == "boxes" else annotation for annotation in found]
        for number, found in description.annotations.items()
    }
    return replace(description, annotations=annotations)


def undrawn(description: Description, class_ids: Mapping[Any, int]) -> tuple[list[str], list[str]]:
    """Findings and notes on the objects of the classes that have no outline: a finding where they are half or more."""
    used = [a for found in description.annotations.values() for a in found if a["category_id"] in class_ids]
    crowds = sum(bool(annotation["iscrowd"]) and kind_of(annotation) == "" for annotation in used)
    notes = [f"{description.path}: {counted(crowds, 'crowd')}, ignored"] if crowds else []
    kinds = Counter(kind for annotation in used if (kind := kind_of(annotation)))
    if not kinds:
        return [], notes
    shown = ", ".join(
        f"{number} {ONE.get(kind, kind) if number == 1 else kind}" for kind, number in kinds.most_common()
    )
    remedy = "draw their outlines, or take them out of the file"
    if kinds["boxes"]:
        remedy = "set data.boxes=draw to draw boxes as rectangles, or data.boxes=ignore to ignore their pixels"
    total = sum(kinds.values())
    have = "has" if total == 1 else "have"
    came = f"{total} of {counted(len(used), 'object')} {have} no outline ({shown}) and would be background"
    line = f"{description.path}: {came}; {remedy}"
    return ([line], notes) if 2 * total >= len(used) else ([], [*notes, line])


def kind_of(annotation: Mapping[str, Any]) -> str:
    """What an annotation without an outline is; '' for one that has an outline, or that `read` refuses."""
    if annotation["segmentation"]:
        return ""
    box = annotation.get("bbox")
    numbers = box if isinstance(box, list) and all(isinstance(n, int | float) and isfinite(n) for n in box) else []
    if len(numbers) == 4 and min(numbers[2:]) > 0:
        return "boxes"
    if annotation.get("keypoints"):
        return "keypoints"
    return "empty outlines" if annotation["segmentation"] == [] else ""


def _drawn(annotation: dict[str, Any], boxes: Boxes | None) -> dict[str, Any]:
    x, y, width, height = annotation["bbox"]
    corners = [x, y, x + width, y, x + width, y + height, x, y + height]
    if boxes is None:
        return {**annotation, "segmentation": []}
    return {**annotation, "segmentation": [corners], "iscrowd": int(boxes == "ignore" or bool(annotation["iscrowd"]))}
