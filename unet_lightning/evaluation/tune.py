"""The post-processing that scores best on the validation split."""

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
from unet_lightning.prediction.predictor import Predictor
from unet_lightning.sample import Sample

log = logging.getLogger(__name__)
PERCENTILES = (0, 1, 2, 5)  # of the labelled objects' areas, tried as smallest size
NECKS = (0.5, 1.0, 2.0, 4.0)  # pixels, tried for the watershed


def tune(predictor: Predictor) -> list[tuple[float, dict[str, Any]]]:
    """Score and node of every candidate, the simplest first."""
    dataset = find_dataset(predictor.config)
    pairs: list[tuple[NDArray[np.uint8], Sample]] = []
    for record in track(records_to_score(dataset, predictor), "validation images", transient=True):
        sample = dataset.read(record)
        pairs.append((predictor.predict(sample.image), sample))
    instances = all(sample.instances is not None for _, sample in pairs)
    nodes = list(candidates(predictor, [sample for _, sample in pairs], instances))
    return [(_score(node, pairs, instances), node) for node in track(nodes, "candidates", transient=True)]


def candidates(predictor: Predictor, samples: list[Sample], instances: bool) -> Iterator[dict[str, Any]]:
    """Post-processing nodes from simple to complicated."""
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


def _score(node: dict[str, Any], pairs: list[tuple[NDArray[np.uint8], Sample]], instances: bool) -> float:
    """Mean panoptic quality, or pooled Dice of the foreground."""
    postprocess = instantiate(node)
    qualities, hits, total = [], 0, 0
    for classes, sample in pairs:
        objects = np.zeros(classes.shape, np.int32)
        kinds = postprocess.write(classes, objects)
        if sample.instances is not None and instances:
            reference = sample.instances * sample.valid
            qualities.append(panoptic_quality(overlaps(reference, drop_ignored(reference, objects, sample.valid))))
        else:
            masked = postprocess.class_mask(objects, kinds)[sample.valid]
            mask = sample.mask[sample.valid]
            hits += 2 * int(((masked == mask) & (mask > 0)).sum())
            total += int((masked > 0).sum() + (mask > 0).sum())
    if instances:
        return float(np.nanmean(qualities)) if not np.isnan(qualities).all() else 0.0
    return hits / total if total else 0.0
