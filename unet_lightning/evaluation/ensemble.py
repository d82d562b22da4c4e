"""Make an ensemble of the folds of one configuration or more: what ensemble.json holds of it and of its scores."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from unet_lightning.evaluation.choose import Chosen, choose
from unet_lightning.evaluation.out_of_fold import Fold, Typed, open_folds
from unet_lightning.evaluation.score import ImageScores, summary
from unet_lightning.prediction.ensemble import FORMAT, checksum, relative_to
from unet_lightning.record import split_hash
from unet_lightning.runtime.machine import machine, versions

KEPT = (  # of a summary
    *("images", "groups", "pooled", "image_mean", "objects", "counts", "objects_by_class", "kinds", "intervals"),
)
Content = dict[str, Any]
Trained = Mapping[str, Sequence[Path]]


def make(trained: Trained, typed: Typed, place: Path, command: str) -> tuple[Content, list[dict[str, Any]]]:
    """The content of ensemble.json, to be written into the folder `place`, and the out-of-fold scores of each image.

    trained: the checkpoint of each fold, by the name of its configuration. InputError where they don't divide one set.
    """
    folds = open_folds(list(trained.values()), typed)
    chosen = choose(folds)
    config = folds[0].predictor(chosen.configurations).config
    found = {"format": FORMAT, "members": members(trained, chosen, place)}
    found |= {"average": config["average"], "tta": config["tta"], "postprocess": chosen.postprocess[1]}
    found |= {"classes": list(folds[0].dataset.classes)}
    scores, rows = out_of_fold(folds[0], chosen, config["resamples"])
    found |= scores | {"candidates": compared(trained, chosen)}
    found["provenance"] = {
        "command": command,
        "overrides": list(typed.overrides),
        "split_hashes": [split_hash(fold.dataset.records) for fold in folds],
        "machine": machine(),
        "versions": versions(),
    }
    return found, rows


def members(trained: Trained, chosen: Chosen, place: Path) -> list[Content]:
    """The checkpoints of the chosen configurations, fold by fold, with their checksums."""
    names = [list(trained)[k] for k in chosen.configurations]
    return [
        {"path": relative_to(path, place), "sha256": checksum(path), "configuration": name, "fold": fold}
        for name in names
        for fold, path in enumerate(trained[name])
    ]


def compared(trained: Trained, chosen: Chosen) -> Content:
    """The score of everything that was tried."""
    names = list(trained)
    combinations = [{"score": value, "names": [names[k] for k in numbers]} for value, numbers in chosen.compared]
    nodes, steps = (
        [{"score": value, "postprocess": node} for value, node in scored] for scored in (chosen.tried, chosen.steps)
    )
    return {"score": chosen.score, "configurations": combinations, "postprocess": nodes, "largest_component": steps}


def out_of_fold(fold: Fold, chosen: Chosen, resamples: int) -> tuple[Content, list[dict[str, Any]]]:
    """All scores over all images and of each fold, as `evaluate` gives them, and a row for each image."""

    def scores(images: Sequence[ImageScores]) -> Content:
        return summary(images, fold.dataset.classes, resamples, fold.dataset.background)

    every, each = scores([image for images in chosen.images for image in images]), [*map(scores, chosen.images)]
    kept = [{name: found[name] for name in KEPT if name in found} for found in (every, *each)]
    rows = [{"fold": number, **row} for number, found in enumerate(each) for row in found["per_image"]]
    return {"out_of_fold": kept[0], "folds": [{"fold": k, **one} for k, one in enumerate(kept[1:])]}, rows
