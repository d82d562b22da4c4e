"""Scores of pixels from confusion matrices: one matrix for each image, and their sum for the whole set."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchmetrics.functional.classification import multiclass_confusion_matrix

from unet_lightning.metric.names import CLASS_SCORES

SCORES = CLASS_SCORES
IGNORED = -1
RULE = (
    "Pooled scores come from one confusion matrix of the whole split. The mean over images scores each image alone; "
    "for each class it leaves out, and counts, the images where the class is neither labelled nor predicted."
)


def confusion_matrix(prediction: Tensor, mask: Tensor, valid: Tensor, classes: int) -> Tensor:
    """(K, K) int64 counts of pixels, rows the labelled class and columns the predicted one; ignored pixels left out.

    prediction, mask: integer class ids. valid: bool, false where ignored. All of one shape.
    """
    target = torch.where(valid, mask, IGNORED)
    return multiclass_confusion_matrix(prediction, target, classes, ignore_index=IGNORED, validate_args=False)


def class_scores(confusion: Tensor) -> dict[str, Tensor]:
    """(..., K, K) counts to one-vs-rest scores (..., K) float64 of each class.

    A class neither labelled nor predicted is absent: nan in every score but accuracy. Precision is nan where nothing
    was predicted, recall where nothing was labelled.
    """
    counts = confusion.double()
    true_positive = counts.diagonal(dim1=-2, dim2=-1)
    labelled, predicted, total = counts.sum(-1), counts.sum(-2), counts.sum((-2, -1))[..., None]
    false = labelled + predicted - 2 * true_positive
    return {
        "accuracy": (total - false) / total,
        "precision": true_positive / predicted,
        "recall": true_positive / labelled,
        "dice": 2 * true_positive / (labelled + predicted),
        "iou": true_positive / (labelled + predicted - true_positive),
    }


def pixel_accuracy(confusion: Tensor) -> Tensor:
    """(..., K, K) counts to the share of correctly classified pixels, (...) float64."""
    counts = confusion.double()
    return counts.diagonal(dim1=-2, dim2=-1).sum(-1) / counts.sum((-2, -1))


def summary(
    confusions: Tensor, classes: Sequence[str], background: bool = True
) -> dict[str, dict[str, dict[str, Any]]]:
    """(N, K, K) matrices of N images to `{pooled | image_mean}{score}{classes: {name} | mean | foreground}`.

    pooled: from the sum of the matrices. image_mean: each image is scored, then the mean is taken over the images where
    the class has a score; `absent` is the number of the others. `mean` is over all classes that have a score,
    `foreground` the same without class 0 if `background` is true.
    """
    pooled: dict[str, dict[str, Any]] = {"pixel_accuracy": {"mean": float(pixel_accuracy(confusions.sum(0)))}}
    mean: dict[str, dict[str, Any]] = {"pixel_accuracy": {"mean": float(pixel_accuracy(confusions).nanmean())}}
    each = class_scores(confusions)
    for name, scores in class_scores(confusions.sum(0)).items():
        pooled[name] = by_class(scores, classes, background)
        mean[name] = by_class(each[name].nanmean(0), classes, background)
    mean["absent"] = dict(zip(classes, each["dice"].isnan().sum(0).double().tolist(), strict=True))
    return {"pooled": pooled, "image_mean": mean}


def by_class(scores: Tensor, classes: Sequence[str], background: bool) -> dict[str, Any]:
    """(K,) scores to a dictionary by class name, with their mean and that of the foreground; means leave out nan."""
    return {
        "classes": dict(zip(classes, scores.tolist(), strict=True)),
        "mean": float(scores.nanmean()),
        "foreground": float(scores[int(background) :].nanmean()),
    }


def by_kind(confusions: Tensor, kinds: list[str], classes: Iterable[str], background: bool) -> dict[str, Any]:
    """Pooled foreground scores of every kind of image, and `macro`, their mean over kinds; empty without kinds.

    confusions: (N, K, K) of N images. kinds: the kind of each image, "" for none.
    """
    names = sorted(set(kinds) - {""})
    if not names:
        return {}
    found: dict[str, dict[str, float]] = {}
    for name in names:
        chosen = torch.tensor([kind == name for kind in kinds])
        pooled = summary(confusions[chosen], list(classes), background)["pooled"]
        found[name] = {score: pooled[score]["foreground"] for score in SCORES}
    macro = {score: float(np.nanmean([found[name][score] for name in names])) for score in SCORES}
    return {"macro": macro} | found
