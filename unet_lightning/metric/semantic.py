"""Every score of the lecture from confusion matrices: one of the whole set and one an image."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torchmetrics.functional.classification import multiclass_confusion_matrix

from unet_lightning.processes import gather

SCORES = ("accuracy", "precision", "recall", "dice", "iou")
IGNORED = -1


def confusion_matrix(prediction: Tensor, mask: Tensor, valid: Tensor, classes: int) -> Tensor:
    """(K, K) int64 counts of pixels, rows the labelled class and columns the predicted one; ignored pixels left out."""
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
    """(..., K, K) to the share of pixels whose class is right, (...)."""
    counts = confusion.double()
    return counts.diagonal(dim1=-2, dim2=-1).sum(-1) / counts.sum((-2, -1))


def summary(
    confusions: Tensor, classes: Sequence[str], background: bool = True
) -> dict[str, dict[str, dict[str, Any]]]:
    """(N, K, K) matrices of N images to `{pooled | image_mean}{score}{classes: {name} | mean | foreground}`.

    pooled: from the sum of the matrices. image_mean: each image scored, then the mean over the images where the class
    has a score; `absent` counts those where it has none. `mean` is over all classes that have a score, `foreground`
    over those but class 0 where that is background.
    """
    pooled: dict[str, dict[str, Any]] = {"pixel_accuracy": {"mean": float(pixel_accuracy(confusions.sum(0)))}}
    mean: dict[str, dict[str, Any]] = {"pixel_accuracy": {"mean": float(pixel_accuracy(confusions).nanmean())}}
    each = class_scores(confusions)
    for name, scores in class_scores(confusions.sum(0)).items():
        pooled[name] = _named(scores, classes, background)
        mean[name] = _named(each[name].nanmean(0), classes, background)
    mean["absent"] = dict(zip(classes, each["dice"].isnan().sum(0).double().tolist(), strict=True))
    return {"pooled": pooled, "image_mean": mean}


def _named(scores: Tensor, classes: Sequence[str], background: bool) -> dict[str, Any]:
    by_class = dict(zip(classes, scores.tolist(), strict=True))
    return {
        "classes": by_class,
        "mean": float(scores.nanmean()),
        "foreground": float(scores[int(background) :].nanmean()),
    }


class Semantic:
    """Collects one confusion matrix an image, by the image's position in its split."""

    def __init__(self) -> None:
        self.confusions: dict[int, Tensor] = {}

    def update(self, logits: Tensor, mask: Tensor, valid: Tensor, index: int) -> None:
        """logits (K, H, W), mask (H, W) int64, valid (H, W) bool of image number `index`."""
        self.confusions[index] = confusion_matrix(logits.argmax(0), mask, valid, logits.shape[0]).cpu()

    def compute(self) -> Tensor:
        """(N, K, K) int64 matrices of the images that any process scored, in the order of the split."""
        return torch.stack(list(gather(self.confusions).values()))

    def reset(self) -> None:
        """Forget all images."""
        self.confusions.clear()
