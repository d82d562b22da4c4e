"""`unet-lightning tune`: choose the post-processing on the validation split, and keep it beside the checkpoint."""

import json
import logging
import os
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from unet_lightning import page
from unet_lightning.arguments import parse, parser
from unet_lightning.build import find_data
from unet_lightning.checkpoint import check_targets
from unet_lightning.config import over
from unet_lightning.error import InputError
from unet_lightning.evaluate import chosen
from unet_lightning.metric import counting, overlaps
from unet_lightning.metric.instance import panoptic_quality
from unet_lightning.part import make, plain_config
from unet_lightning.postprocess.components import Components
from unet_lightning.predictor import Predictor, load, tuned
from unet_lightning.sample import Sample

log = logging.getLogger(__name__)
PERCENTILES = (0, 1, 2, 5)  # of the labelled objects' areas, tried as smallest size
NECKS = (0.5, 1.0, 2.0, 4.0)  # pixels, tried for the watershed
HELP = """Choose the post-processing of a checkpoint on the validation split; the test split is never read.

  unet-lightning tune outputs/…/checkpoints/best.ckpt

Tries components and watershed with smallest size, filled holes, largest object and the ridge grown back. Where the set
has instances the mean panoptic quality decides, else the pooled foreground Dice of the cleaned class masks. The
simplest one within 0.001 of the best is written to best.postprocess.json beside the checkpoint, and predict and
evaluate use it from then on unless postprocess= is given."""
ENOUGH = 0.001


def main(arguments: list[str]) -> int:
    """Tune; 0 when the choice is written."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    rules = parser("tune", HELP)
    rules.add_argument("checkpoint", type=Path, metavar="CHECKPOINT")
    rules.add_argument("--trust", action="append", default=[], metavar="PACKAGE", help="whose classes may be built")
    options, overrides = parse(rules, arguments)
    if any(override.startswith(("postprocess", "split")) for override in overrides):
        raise InputError("tune chooses postprocess itself, on the validation split; leave postprocess= and split= out")
    predictor = load(options.checkpoint, overrides=[*overrides, "split=val"], trust=options.trust, extra="evaluate")
    check_targets(predictor.config["data"], "data", options.trust)
    tried = tune(predictor)
    best = max(score for score, _ in tried)
    score, choice = next((score, node) for score, node in tried if score >= best - ENOUGH)
    path = tuned(options.checkpoint)
    part = path.with_suffix(".part")
    part.write_text(json.dumps({"postprocess": choice, "score": score, "split": "val", "tried": len(tried)}, indent=1))
    os.replace(part, path)
    shown = sorted(tried, key=lambda item: -item[0])[:8]
    rows = [[_named(node), page.number(value)] for value, node in shown]
    print(page.markdown(page.Table(f"{len(tried)} tried, the best of them", ["post-processing", "score"], rows)))
    log.info(f"chosen: {_named(choice)}, {score:.4f}; written to {path}")
    return 0


def tune(predictor: Predictor) -> list[tuple[float, dict[str, Any]]]:
    """Score and node of every candidate, the simplest first."""
    dataset = find_data(predictor.config)
    pairs: list[tuple[NDArray[np.uint8], Sample]] = []
    for record in track(chosen(dataset, predictor), "validation images", transient=True):
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
    for (name, more), smallest, fill, largest, ridge in product(
        kinds, sizes, (False, True), (False,) if instances else (False, True), ridges
    ):
        given = {"smallest": smallest, "fill_holes": fill, "largest": largest, "ridge": ridge, **more}
        node = _node(predictor, name) | given | {"masks": not instances}
        yield node


def _node(predictor: Predictor, name: str) -> dict[str, Any]:
    plain = predictor.models[0].identity["config"]
    return dict(plain_config(over(plain, [f"postprocess={name}"]))["postprocess"])


def _areas(sample: Sample) -> NDArray[np.int64]:
    objects = sample.instances
    if objects is None:
        objects = Components(0, False, False, 0, False)(np.where(sample.valid, sample.mask, 0))
    return np.bincount(objects[objects > 0].ravel())[1:] if objects.any() else np.zeros(0, np.int64)


def _score(node: dict[str, Any], pairs: list[tuple[NDArray[np.uint8], Sample]], instances: bool) -> float:
    """Mean panoptic quality, or pooled Dice of the foreground."""
    postprocess = make(node)
    qualities, hits, total = [], 0, 0
    for classes, sample in pairs:
        objects = np.zeros(classes.shape, np.int32)
        kinds = postprocess.write(classes, objects)
        if sample.instances is not None and instances:
            reference = sample.instances * sample.valid
            qualities.append(panoptic_quality(overlaps(reference, counting(reference, objects, sample.valid))))
        else:
            masked = postprocess.masked(objects, kinds)[sample.valid]
            mask = sample.mask[sample.valid]
            hits += 2 * int(((masked == mask) & (mask > 0)).sum())
            total += int((masked > 0).sum() + (mask > 0).sum())
    if instances:
        return float(np.nanmean(qualities)) if not np.isnan(qualities).all() else 0.0
    return hits / total if total else 0.0


def _named(node: dict[str, Any]) -> str:
    name = str(node["_target_"]).rsplit(".", 1)[-1].lower()
    return " ".join([name, *(f"{key}={value}" for key, value in node.items() if not key.startswith("_"))])
