"""Every score of an image and of a set of images, with intervals: what `evaluate` writes and `compare` reads."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unet_lightning.evaluation.interval import interval, weighted_mean
from unet_lightning.metric import instance, partition
from unet_lightning.metric.boundary import boundary_f1, distances, hausdorff95
from unet_lightning.metric.instance import nan_mean
from unet_lightning.metric.object_classes import overlaps_by_class, summary_by_class
from unet_lightning.metric.overlap import Overlaps, drop_ignored, overlaps
from unet_lightning.metric.semantic import SCORES, by_class, by_kind, class_scores, confusion_matrix
from unet_lightning.metric.semantic import summary as semantic_summary
from unet_lightning.postprocess.objects import Objects
from unet_lightning.record import Record
from unet_lightning.sample import Sample
from unet_lightning.target.base import Target
from unet_lightning.target.classes import Classes

BOUNDARY = ("boundary_f1", "hausdorff95")
OBJECTS = {**instance.SCORES, "adapted_rand_error": partition.adapted_rand_error}
PARTITION: dict[str, Callable[[Overlaps], float]] = {"v_rand": partition.v_rand, "v_info": partition.v_info}
CLASSES = Classes()
THRESHOLDS = tuple(
    round(0.1 * k, 1) for k in range(1, 10)
)  # thresholds on the foreground probability at which V_rand and V_info are computed


@dataclass(frozen=True)
class ImageScores:
    """The scores of one image.

    confusion: (K, K). classes: {score: {class: value}}. objects: {score: value}, counts: {error: number}, by_threshold:
    {score: one value for each of THRESHOLDS}; all three are empty where the set has no instances. by_class: overlaps of
    the objects of each class, by its id; empty too where there is one foreground class.
    """

    id: str
    group: str
    kind: str
    confusion: NDArray[np.int64]
    classes: dict[str, dict[str, float]]
    objects: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    by_threshold: dict[str, list[float]] = field(default_factory=dict)
    by_class: dict[int, Overlaps] = field(default_factory=dict)


def score_image(
    record: Record,
    sample: Sample,
    outputs: Tensor,
    classes: Sequence[str],
    postprocess: Objects,
    tolerance: float,
    target: Target = CLASSES,
) -> tuple[ImageScores, NDArray[np.uint8], NDArray[np.int32]]:
    """Scores, predicted classes (H, W) and predicted objects (H, W) of one image from its outputs (L, H, W).

    tolerance: of the boundary F1, in pixels. target: what the outputs say of classes.
    """
    predicted, objects = postprocess.apply(target.ids(outputs).numpy())
    mask, valid = torch.from_numpy(sample.mask.astype(np.int64)), torch.from_numpy(sample.valid)
    confusion = confusion_matrix(torch.from_numpy(predicted.astype(np.int64)), mask, valid, len(classes))
    class_values = {
        name: dict(zip(classes, values.tolist(), strict=True)) for name, values in class_scores(confusion).items()
    }
    class_values |= _boundary(sample, predicted, classes, tolerance)
    scored = ImageScores(record.id, record.group or record.id, record.kind, confusion.numpy(), class_values)
    if sample.instances is not None:
        reference = sample.instances * sample.valid
        kept = drop_ignored(reference, objects, sample.valid)
        found = overlaps(reference, kept)
        scored.objects.update({name: function(found) for name, function in OBJECTS.items()})
        scored.counts.update(instance.errors(found))
        if len(classes) > 2:
            scored.by_class.update(overlaps_by_class(reference, kept, sample.mask, predicted))
        if len(classes) == 2 and not postprocess.says_more:  # a probability alone says nothing of rims; no temperature
            scored.by_threshold.update(_by_threshold(sample, target.scores(outputs).softmax(0)[1].numpy(), postprocess))
    return scored, predicted, objects


def _boundary(
    sample: Sample, predicted: NDArray[np.uint8], classes: Sequence[str], tolerance: float
) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {name: {} for name in BOUNDARY}
    for k, name in enumerate(classes):
        apart = distances(sample.mask == k, predicted == k, sample.valid)
        found["boundary_f1"][name] = boundary_f1(*apart, tolerance)
        found["hausdorff95"][name] = hausdorff95(*apart, float(np.hypot(*predicted.shape)))
    return found


def _by_threshold(sample: Sample, probability: NDArray[np.float32], postprocess: Objects) -> dict[str, list[float]]:
    """V_rand and V_info of the objects in probability (H, W) > each threshold, with `thinned` borders."""
    assert sample.instances is not None
    tables = []
    for threshold in THRESHOLDS:
        objects = partition.thinned(postprocess((probability > threshold).astype(np.uint8)))
        tables.append(overlaps(sample.instances * sample.valid, objects * sample.valid))
    return {name: [function(table) for table in tables] for name, function in PARTITION.items()}


def summary(
    images: Sequence[ImageScores], classes: Sequence[str], resamples: int, background: bool = True
) -> dict[str, Any]:
    """All scores of a set with 95 % intervals: pixel scores pooled and as means over images, the others as means.

    {pooled | image_mean: {score: {classes | foreground | mean …}}, objects: {…}, counts: {…}, intervals: {…}, …}; where
    objects are of several classes also objects_by_class, and per_class, a row for each image and class.
    """
    confusions = torch.from_numpy(np.stack([image.confusion for image in images]))
    groups = [image.group for image in images]
    result: dict[str, Any] = semantic_summary(confusions, classes, background)
    for name in BOUNDARY:
        means = torch.tensor([nan_mean(i.classes[name][c] for i in images) for c in classes], dtype=torch.float64)
        result["image_mean"][name] = by_class(means, classes, background)
    values = per_image(images, classes, background)
    intervals = {name: interval(weighted_mean(column), groups, resamples) for name, column in values.items()}
    for name in ("dice", "iou"):
        intervals[f"pooled {name}"] = interval(_pooled(confusions, name, background), groups, resamples)
    with_objects = [image for image in images if image.objects]
    if with_objects:
        result["objects"] = {name: nan_mean(image.objects[name] for image in with_objects) for name in OBJECTS}
        result["counts"] = {name: sum(i.counts[name] for i in with_objects) for name in with_objects[0].counts}
        if len(classes) > 2:
            result["objects_by_class"] = summary_by_class([image.by_class for image in with_objects], classes)
            result["per_class"] = [row for image in with_objects for row in _class_rows(image, classes)]
    if any(image.by_threshold for image in images):
        for name in PARTITION:
            curve = np.nanmean([image.by_threshold[name] for image in images if image.by_threshold], axis=0)
            best = int(np.nanargmax(curve)) if not np.isnan(curve).all() else 0
            result["objects"] |= {name: float(curve[best]), f"{name}_threshold": THRESHOLDS[best]}
    kinds = by_kind(confusions, [image.kind for image in images], classes, background)
    rows = [
        {"id": image.id, "group": image.group, "kind": image.kind}
        | {name: float(column[k]) for name, column in values.items()}
        | image.counts
        for k, image in enumerate(images)
    ]
    numbers = {"images": len(images), "groups": len(set(groups)), "confusion": confusions.sum(0).tolist()}
    return result | {"intervals": intervals, "kinds": kinds, "per_image": rows} | numbers


def _class_rows(image: ImageScores, classes: Sequence[str]) -> list[dict[str, Any]]:
    """The scores and counts of the objects of every class that is labelled or predicted in an image."""
    return [
        {"id": image.id, "class": classes[kind]}
        | {name: score(table) for name, score in instance.SCORES.items()}
        | instance.errors(table)
        for kind, table in image.by_class.items()
    ]


def per_image(
    images: Sequence[ImageScores], classes: Sequence[str], background: bool = True
) -> dict[str, NDArray[np.float64]]:
    """Every score of each of N images, (N,): pixel and border scores as means over the foreground classes."""
    columns: dict[str, list[float]] = {}
    for name in (*SCORES, *BOUNDARY):
        columns[name] = [nan_mean(image.classes[name][c] for c in classes[int(background) :]) for image in images]
    if any(image.objects for image in images):
        for name in OBJECTS:
            columns[name] = [image.objects.get(name, float("nan")) for image in images]
    return {name: np.array(values) for name, values in columns.items()}


def _pooled(confusions: Tensor, name: str, background: bool) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """A function from counts (R, N), how often each image is sampled, to pooled foreground scores (R,)."""

    def scores(counts: NDArray[Any]) -> NDArray[Any]:
        summed = torch.einsum("rn,nkl->rkl", torch.from_numpy(counts).double(), confusions.double())
        return class_scores(summed)[name][:, int(background) :].nanmean(1).numpy()

    return scores
