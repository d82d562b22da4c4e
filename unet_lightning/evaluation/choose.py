"""Choose an ensemble out of fold: which configurations are averaged, and which post-processing follows."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from unet_lightning.config.instantiate import instantiate
from unet_lightning.evaluation.case import DICE, QUALITY, CaseScore, case_score, over_cases, over_classes
from unet_lightning.evaluation.largest import decided, steps
from unet_lightning.evaluation.out_of_fold import Fold, images
from unet_lightning.evaluation.score import ImageScores, score_image
from unet_lightning.evaluation.tried import Tried, whole
from unet_lightning.evaluation.tune import Scored, candidates, object_areas, simplest

Combination = tuple[int, ...]  # numbers of configurations that are averaged


@dataclass(frozen=True)
class Chosen:
    """What was chosen, of what.

    compared: the score of each combination of configurations, empty where there is one alone. tried: the score of each
    post-processing of the chosen combination. steps: those by which the rule of the largest component was decided.
    images: all scores of every image, by fold.
    """

    score: str
    compared: list[tuple[float, Combination]]
    configurations: Combination
    tried: list[Scored]
    steps: list[Scored]
    postprocess: Scored
    images: list[list[ImageScores]]


def choose(folds: Sequence[Fold]) -> Chosen:
    """Choose configurations, of equal ones the first, then the post-processing, and score both on every image."""
    instances = all(fold.dataset.read(record).instances is not None for fold in folds for record in fold.records)
    score = case_score(folds[0].dataset, instances)
    compared = configurations(folds, instances, score) if len(folds[0].checkpoints) > 1 else []
    chosen = max(compared, key=lambda one: one[0])[1] if compared else (0,)
    tried, rule = postprocessings(folds, chosen, instances, score)
    best = simplest(tried)
    images = final_scores(folds, chosen, best)
    return Chosen(QUALITY if instances else DICE, compared, chosen, tried, rule, best, images)


def configurations(folds: Sequence[Fold], instances: bool, score: CaseScore) -> list[tuple[float, Combination]]:
    """The score of every configuration and every pair, with the post-processing of its config."""
    numbers = range(len(folds[0].checkpoints))
    found = []
    for chosen in [*combinations(numbers, 1), *combinations(numbers, 2)]:
        values = []
        for image in images(folds, chosen, f"configuration {'+'.join(map(str, chosen))}"):
            ids = image.predictor.ids(image.sample.data, image.sample.scale)
            classes, objects = image.predictor.postprocess.apply(ids)
            values.append([score(whole(objects if instances else classes, image.sample, instances))])
        found.append((over_classes(over_cases(values))[0], chosen))
    return found


def postprocessings(
    folds: Sequence[Fold], chosen: Combination, instances: bool, score: CaseScore
) -> tuple[list[Scored], list[Scored]]:
    """Score and config node of every candidate, the simplest first; and of each step of the largest component's rule,
    which is the second candidate if it gains anything.
    """
    areas = np.concatenate([object_areas(fold.dataset.read(record)) for fold in folds for record in fold.records])
    nodes = list(candidates(folds[0].predictor(chosen).models[0].identity["config"], areas, instances))
    dataset = folds[0].dataset
    rule = [] if instances or not dataset.background else steps(len(dataset.classes))
    tried = Tried([*nodes, *rule], instances)
    values = [
        [score(found) for found in tried.each(image.predictor.ids(image.sample.data, image.sample.scale), image.sample)]
        for image in images(folds, chosen, "candidates")
    ]
    means = over_cases(values)
    scored = list(zip(over_classes(means), [*nodes, *rule], strict=True))
    found, stepwise = scored[: len(nodes)], scored[len(nodes) :]
    kept = decided(means[len(nodes) :]) if rule else None
    return [found[0], *([(over_classes(kept[1][None])[0], kept[0])] if kept else []), *found[1:]], stepwise


def final_scores(folds: Sequence[Fold], chosen: Combination, scored: Scored) -> list[list[ImageScores]]:
    """All scores of every image, by fold, with the chosen configurations and post-processing."""
    postprocess = instantiate(scored[1])
    found: list[list[ImageScores]] = [[] for _ in folds]
    for image in images(folds, chosen, "out of fold"):
        predictor, classes = image.predictor, folds[image.fold].dataset.classes
        outputs = predictor.all_outputs(image.sample.data, image.sample.scale)
        how = postprocess, predictor.config["tolerance"], predictor.target
        found[image.fold].append(score_image(image.record, image.sample, outputs, classes, *how)[0])
    return found
