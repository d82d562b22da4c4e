"""The scores of the objects of each class as a table."""

from collections.abc import Mapping
from typing import Any

from unet_lightning.metric.names import COUNT_NAMES, OBJECT_SCORES, SCORE_NAMES
from unet_lightning.page.number import format_number
from unet_lightning.page.table import Table

COUNTED = ("references", "predictions", "false_negatives", "false_positives")
NOTE = (
    "An object's class is that of most of its pixels; objects of one class are matched with each other alone. Means "
    "over the images where the class is labelled or predicted; a class that is labelled in no image has none."
)


def objects_by_class(found: Mapping[str, Any]) -> Table:
    """What `metric.object_classes.summary_by_class` gives."""
    rows = [
        [name, *_scores(one["image_mean"]), *(str(one["counts"][count]) for count in COUNTED)]
        for name, one in found["classes"].items()
    ]
    rows.append(["mean of classes", *_scores(found["mean"]), *[""] * len(COUNTED)])
    columns = ["class", *(SCORE_NAMES[name] for name in OBJECT_SCORES), *(COUNT_NAMES[name] for name in COUNTED)]
    return Table("Objects of each class", columns, rows, NOTE)


def _scores(values: Mapping[str, float]) -> list[str]:
    return [format_number(values[name]) for name in OBJECT_SCORES]
