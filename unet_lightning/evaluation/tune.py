"""Find the post-processing that scores best on the validation split, and the temperature of its probabilities."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from unet_lightning.config.overlay import compose_over_checkpoint
from unet_lightning.config.plain import plain_config
from unet_lightning.evaluation.evaluate import records_to_score
from unet_lightning.evaluation.run_split import find_as_divided
from unet_lightning.evaluation.temperature import TemperatureFit
from unet_lightning.evaluation.tried import Tried
from unet_lightning.metric.instance import panoptic_quality
from unet_lightning.metric.tally import Tally
from unet_lightning.postprocess.components import Components
from unet_lightning.prediction.predictor import Predictor
from unet_lightning.sample import Sample

log = logging.getLogger(__name__)
PERCENTILES = (0, 1, 2, 5)  # of the areas of labelled objects: candidates for min_size
NECKS = (0.5, 1.0, 2.0, 4.0)  # pixels: candidates for the neck of the watershed
REACHES = (1, 2, 4)  # times the width of a rim: candidates for the reach of rims
ENOUGH = 0.001  # by which a simpler candidate may be worse
Pair = tuple[NDArray[np.uint8], Sample]
Scored = tuple[float, dict[str, Any]]


@dataclass(frozen=True)
class Tuned:
    """Score and config node of every candidate, the simplest first, and the temperature."""

    tried: list[Scored]
    temperature: float

    def content(self) -> dict[str, Any]:
        """What is stored beside the checkpoint."""
        score, node = simplest(self.tried)
        found = {"postprocess": node, "score": score, "split": "val", "tried": len(self.tried)}
        return found | {"temperature": self.temperature}


def tune(predictor: Predictor) -> Tuned:
    """Try all candidates on the validation split, and fit the temperature."""
    dataset = find_as_divided(predictor)
    pairs: list[Pair] = []
    fit = TemperatureFit(predictor.target)
    for record in track(records_to_score(dataset, predictor), "validation images", transient=True):
        sample = dataset.read(record)
        outputs = predictor.all_outputs(sample.data, sample.scale)
        fit.add(outputs, sample.mask, sample.valid)
        pairs.append((predictor.target.ids(outputs).numpy(), sample))
    return Tuned(scored_candidates(predictor.models[0].identity["config"], pairs), fit.best())


def scored_candidates(plain: Mapping[str, Any], pairs: list[Pair]) -> list[Scored]:
    """Score and config node of every candidate, the simplest first.

    plain: the config of the run. pairs: predicted ids (H, W) and the sample of each image.
    """
    instances = all(sample.instances is not None for _, sample in pairs)
    areas = np.concatenate([object_areas(sample) for _, sample in pairs])
    nodes = list(candidates(plain, areas, instances))
    return list(zip(score_candidates(nodes, pairs, instances), nodes, strict=True))


def simplest(tried: Sequence[Scored]) -> Scored:
    """The first of the candidates, which come from simple to complicated, that is nearly as good as the best."""
    best = max(score for score, _ in tried)
    return next((score, node) for score, node in tried if score >= best - ENOUGH)


def name_of(node: Mapping[str, Any]) -> str:
    """A post-processing in words: its kind and its values."""
    name = str(node["_target_"]).rsplit(".", 1)[-1].lower()
    return " ".join([name, *(f"{key}={value}" for key, value in node.items() if not key.startswith("_"))])


def candidates(plain: Mapping[str, Any], areas: NDArray[np.int64], instances: bool) -> Iterator[dict[str, Any]]:
    """Config nodes of the candidate post-processings, from simple to complicated.

    plain: the config of the run. areas: of the labelled objects of all images, (N,), whose percentiles are tried as
    the smallest size.
    """
    sizes = sorted({int(np.percentile(areas, q)) if q and len(areas) else 0 for q in PERCENTILES})
    ridges = sorted({0, int(plain["data"]["ridge"])}) if instances else [0]
    if str(plain["postprocess"]["_target_"]).endswith(".Rims"):
        kinds: list[tuple[str, dict[str, Any]]] = [
            ("rims", {"reach": factor * plain["target"]["width"]}) for factor in REACHES
        ]
    else:
        kinds = [("components", {})] + [("watershed", {"neck": neck}) for neck in NECKS if instances]
    nodes = {
        name: dict(plain_config(compose_over_checkpoint(plain, [f"postprocess={name}"]))["postprocess"])
        for name, _ in kinds
    }
    for (name, more), min_size, fill_holes, keep_largest, ridge in product(
        kinds, sizes, (False, True), (False,) if instances else (False, True), ridges
    ):
        values = {"min_size": min_size, "fill_holes": fill_holes, "keep_largest": keep_largest, "ridge": ridge, **more}
        yield nodes[name] | values | {"masks": not instances}


def object_areas(sample: Sample) -> NDArray[np.int64]:
    """The pixels of each labelled object, or of each component of the labelled foreground, (N,)."""
    objects = sample.instances
    if objects is None:
        objects = Components(0, False, False, 0, False)(np.where(sample.valid, sample.mask, 0))
    return np.bincount(objects[objects > 0].ravel())[1:] if objects.any() else np.zeros(0, np.int64)


def score_candidates(nodes: list[dict[str, Any]], pairs: list[Pair], instances: bool) -> list[float]:
    """Mean panoptic quality of each post-processing over the images, or Dice of the foreground pooled over them.

    pairs: predicted class ids (H, W) and the sample of each image. 0 where no image has a defined score.
    """
    tried = Tried(nodes, instances)
    part = _quality if instances else _dice
    parts = np.array(
        [
            [part(found) for found in tried.each(classes, sample)]
            for classes, sample in track(pairs, "candidates", transient=True)
        ]
    )
    above, below = parts.sum(axis=0).T  # (images, candidates, 2) to (candidates,) each
    return [float(score) for score in np.divide(above, below, out=np.zeros(len(nodes)), where=below > 0)]


def _quality(found: Tally) -> tuple[float, float]:
    """Panoptic quality, and 1 where it is defined."""
    quality = panoptic_quality(found.overlaps())
    return (0.0, 0.0) if np.isnan(quality) else (quality, 1.0)


def _dice(found: Tally) -> tuple[float, float]:
    """Numerator and denominator of Dice: twice the foreground pixels that agree; foreground pixels of both masks."""
    counts = found.confusion(max(found.ignored, int(found.kinds.max()) + 1))
    return float(2 * counts.diagonal()[1:].sum()), float(counts[:, 1:].sum() + counts[1:].sum())
