"""The same scores for every contestant, from label images of the test split, by the code of `evaluate`."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from unet_lightning.evaluation.score import ImageScores, score_image, summary
from unet_lightning.metric.instance import summary as object_summary
from unet_lightning.metric.overlap import drop_ignored, overlaps
from unet_lightning.metric.semantic import confusion_matrix
from unet_lightning.metric.semantic import summary as class_summary
from unet_lightning.postprocess.components import Components
from unet_lightning.record import DataSet
from unet_lightning.sample import Sample

Labels = tuple[NDArray[np.uint8], NDArray[np.int32]]  # predicted class ids (H, W) and objects (H, W) of an image
POOLED = ("iou", "dice")
MEANS = ("seg", "ap50", "aji", "pq", "boundary_f1")
SCORES = (*POOLED, *MEANS)
TOLERANCE = 2.0  # pixels, of the boundary F1
RESAMPLES = 2000
DICE, QUALITY = "val/pooled/dice/foreground", "val/objects/pq"  # as a run names them


class Given(Components):
    """Stands for a post-processing where classes and objects are decided already."""

    def __init__(self, labels: Labels) -> None:
        super().__init__(min_size=0, fill_holes=False, keep_largest=False, ridge=0, masks=False)
        self.labels = labels

    def apply(self, classes: NDArray[Any]) -> Labels:
        """The labels that were given, whatever comes."""
        return self.labels


def components(classes: NDArray[Any]) -> NDArray[np.int32]:
    """The 8-connected components of the foreground, class by class, (H, W)."""
    return Components(min_size=0, fill_holes=False, keep_largest=False, ridge=0, masks=False)(classes)


def score_labels(dataset: DataSet, predicted: Mapping[str, Labels]) -> dict[str, Any]:
    """Scores of the test split, their 95 % bootstrap intervals over images, and the scores of each image.

    predicted: of every test image by its id; KeyError where one lacks. Images count as independent of each other.
    """
    images = [
        _score(record.id, dataset.read(record), predicted[record.id], dataset) for record in dataset.split("test")
    ]
    found = summary(images, dataset.classes, RESAMPLES, dataset.background)
    scores = {name: found["pooled"][name]["foreground"] for name in POOLED}
    scores["boundary_f1"] = found["image_mean"]["boundary_f1"]["foreground"]
    scores |= {name: found["objects"][name] for name in MEANS if name in found.get("objects", {})}
    named = {name: f"pooled {name}" if name in POOLED else name for name in scores}
    rows = [{"id": row["id"]} | {name: row[name] for name in scores} for row in found["per_image"]]
    return {
        "scores": {name: scores[name] for name in SCORES if name in scores},
        "intervals": {name: list(found["intervals"][named[name]]) for name in SCORES if name in scores},
        "counts": found.get("counts", {}),
        "images": rows,
    }


def _score(name: str, sample: Sample, labels: Labels, dataset: DataSet) -> ImageScores:
    record = replace(next(one for one in dataset.records if one.id == name), group="")
    logits = torch.nn.functional.one_hot(torch.from_numpy(labels[0].astype(np.int64)), len(dataset.classes))
    scored, _, _ = score_image(
        record, sample, logits.permute(2, 0, 1).float(), dataset.classes, Given(labels), TOLERANCE
    )
    return scored


def validation_scores(
    dataset: DataSet, samples: Sequence[Sample], predicted: Sequence[NDArray[Any]]
) -> dict[str, float]:
    """What a run logs at a validation and the race compares: foreground Dice, pooled, and PQ of objects.

    predicted: class ids (H, W) of each sample; objects are their connected components.
    """
    confusions, found = [], []
    for sample, classes in zip(samples, predicted, strict=True):
        valid, mask = torch.from_numpy(sample.valid), torch.from_numpy(sample.mask.astype(np.int64))
        ids = torch.from_numpy(classes.astype(np.int64))
        confusions.append(confusion_matrix(ids, mask, valid, len(dataset.classes)))
        if sample.instances is not None:
            reference = sample.instances * sample.valid
            found.append(overlaps(reference, drop_ignored(reference, components(classes), sample.valid)))
    scores = class_summary(torch.stack(confusions), dataset.classes, dataset.background)
    return {DICE: scores["pooled"]["dice"]["foreground"]} | (
        {QUALITY: object_summary(found)["image_mean"]["pq"]} if found else {}
    )
