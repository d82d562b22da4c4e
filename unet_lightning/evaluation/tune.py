"""Find the post-processing that scores best on the validation split."""

import logging
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from unet_lightning.config.instantiate import instantiate
from unet_lightning.config.overlay import compose_over_checkpoint
from unet_lightning.config.plain import plain_config
from unet_lightning.evaluation.evaluate import records_to_score
from unet_lightning.metric.instance import panoptic_quality
from unet_lightning.metric.overlap import drop_ignored, overlaps
from unet_lightning.pipeline.find import find_dataset
from unet_lightning.postprocess.components import Components
from unet_lightning.postprocess.objects import Objects, Pieces
from unet_lightning.prediction.predictor import Predictor
from unet_lightning.sample import Sample

log = logging.getLogger(__name__)
PERCENTILES = (0, 1, 2, 5)  # of the areas of labelled objects: candidates for min_size
NECKS = (0.5, 1.0, 2.0, 4.0)  # pixels: candidates for the neck of the watershed
SELECTING = ("min_size", "keep_largest", "ridge", "masks")  # keys that matter only once the objects are found
Pair = tuple[NDArray[np.uint8], Sample]


def tune(predictor: Predictor) -> list[tuple[float, dict[str, Any]]]:
    """Score and config node of every candidate, the simplest first."""
    dataset = find_dataset(predictor.config)
    pairs: list[Pair] = []
    for record in track(records_to_score(dataset, predictor), "validation images", transient=True):
        sample = dataset.read(record)
        pairs.append((predictor.predict(sample.data), sample))
    instances = all(sample.instances is not None for _, sample in pairs)
    nodes = list(candidates(predictor, [sample for _, sample in pairs], instances))
    return list(zip(score_candidates(nodes, pairs, instances), nodes, strict=True))


def candidates(predictor: Predictor, samples: list[Sample], instances: bool) -> Iterator[dict[str, Any]]:
    """Config nodes of the candidate post-processings, from simple to complicated."""
    areas = np.concatenate([_areas(sample) for sample in samples])
    sizes = sorted({int(np.percentile(areas, q)) if q and len(areas) else 0 for q in PERCENTILES})
    ridges = sorted({0, int(predictor.config["data"]["ridge"])}) if instances else [0]
    kinds: list[tuple[str, dict[str, Any]]] = [("components", {})]
    kinds += [("watershed", {"neck": neck}) for neck in NECKS] if instances else []
    plain = predictor.models[0].identity["config"]
    nodes = {
        name: dict(plain_config(compose_over_checkpoint(plain, [f"postprocess={name}"]))["postprocess"])
        for name in ("components", "watershed")
    }
    for (name, more), min_size, fill_holes, keep_largest, ridge in product(
        kinds, sizes, (False, True), (False,) if instances else (False, True), ridges
    ):
        values = {"min_size": min_size, "fill_holes": fill_holes, "keep_largest": keep_largest, "ridge": ridge, **more}
        yield nodes[name] | values | {"masks": not instances}


def _areas(sample: Sample) -> NDArray[np.int64]:
    objects = sample.instances
    if objects is None:
        objects = Components(0, False, False, 0, False)(np.where(sample.valid, sample.mask, 0))
    return np.bincount(objects[objects > 0].ravel())[1:] if objects.any() else np.zeros(0, np.int64)


def score_candidates(nodes: list[dict[str, Any]], pairs: list[Pair], instances: bool) -> list[float]:
    """Mean panoptic quality of each post-processing over the images, or Dice of the foreground pooled over them.

    pairs: predicted class ids (H, W) and the sample of each image. 0 where no image has a defined score.
    """
    tried = [(_splitting(node), instantiate(node)) for node in nodes]
    parts = np.array([_parts(tried, *pair, instances) for pair in track(pairs, "candidates", transient=True)])
    above, below = parts.sum(axis=0).T  # (images, candidates, 2) to (candidates,) each
    return [float(score) for score in np.divide(above, below, out=np.zeros(len(nodes)), where=below > 0)]


def _splitting(node: dict[str, Any]) -> tuple[Any, ...]:
    """The values that decide which objects are found, before any is left out by size."""
    return tuple(value for name, value in node.items() if name not in SELECTING)


def _parts(
    tried: list[tuple[tuple[Any, ...], Objects]], classes: NDArray[np.uint8], sample: Sample, instances: bool
) -> list[tuple[float, float]]:
    """What each candidate adds to the numerator and the denominator of its score on one image.

    Candidates that differ only in what they leave out or grow share the objects they select from.
    """
    split: dict[tuple[Any, ...], tuple[NDArray[np.int32], Pieces]] = {}
    found = []
    for key, postprocess in tried:
        if key not in split:
            parts = np.zeros(classes.shape, np.int32)
            split[key] = parts, postprocess.split(classes, parts)
        objects, pieces = split[key][0].copy(), split[key][1]
        kinds = postprocess.select(objects, pieces)
        found.append(_quality(objects, sample) if instances else _dice(postprocess.class_mask(objects, kinds), sample))
    return found


def _quality(objects: NDArray[np.int32], sample: Sample) -> tuple[float, float]:
    """Panoptic quality, and 1 where it is defined."""
    assert sample.instances is not None
    reference = sample.instances * sample.valid
    quality = panoptic_quality(overlaps(reference, drop_ignored(reference, objects, sample.valid)))
    return (0.0, 0.0) if np.isnan(quality) else (quality, 1.0)


def _dice(classes: NDArray[np.uint8], sample: Sample) -> tuple[float, float]:
    """Numerator and denominator of Dice: twice the foreground pixels that agree; foreground pixels of both masks."""
    predicted, mask = classes[sample.valid], sample.mask[sample.valid]
    agree = ((predicted == mask) & (mask > 0)).sum()
    return float(2 * agree), float((predicted > 0).sum() + (mask > 0).sum())
