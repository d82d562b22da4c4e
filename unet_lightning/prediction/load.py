"""Checkpoints, or an ensemble, to a predictor."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from unet_lightning.config.check import check_prediction, is_part, resolve_plain
from unet_lightning.config.overlay import USED, compose_over_checkpoint
from unet_lightning.error import InputError
from unet_lightning.prediction.checkpoint import TrainedModel, load_model
from unet_lightning.prediction.ensemble import Ensemble, ensemble_of
from unet_lightning.prediction.identity import check_plain
from unet_lightning.prediction.predictor import Predictor, log
from unet_lightning.prediction.trust import check_targets


def load(
    *checkpoints: str | Path,
    overrides: Sequence[str] = (),
    trust: Sequence[str] = (),
    verb: str = "predict",
    fixed: Sequence[str] = (),
) -> Predictor:
    """Checkpoints, several of them an ensemble, or an ensemble.json; InputError where they don't belong together.

    overrides: as on the command line of `verb`, composed over the first one's config, and before those that are `fixed`
    by the verb. What `unet-lightning tune` chose lies beside a checkpoint and is used unless postprocess is overridden;
    an ensemble.json says its own post-processing, views and averaging, which overrides replace as well; for the verb
    that makes one each checkpoint is a configuration of its own. trust: packages whose classes may be built.
    """
    ensemble = ensemble_of(checkpoints)
    models = [load_model(checkpoint, trust) for checkpoint in (ensemble.members if ensemble else checkpoints)]
    _check_alike(models)
    plain = dict(models[0].identity["config"])
    places = dict.fromkeys(("postprocess", "tta", "data"), str(models[0].path))  # where each is from
    if ensemble:
        plain |= _said_by(ensemble, models)
        places |= dict.fromkeys(("postprocess", "tta"), str(ensemble.path))
        overrides = [f"average={ensemble.average}", *overrides]
    elif verb == "ensemble":  # folds are averaged as views are, unless it is typed
        overrides = [f"average={_views_average(plain['tta'])}", *overrides]
    elif "postprocess" in USED[verb] and not any(override.startswith("postprocess=") for override in overrides):
        tuned = _tuned(tuned_path(models[0].path))
        plain |= tuned
        places |= dict.fromkeys(tuned, str(tuned_path(models[0].path)))
    if not all(model.network.geometry.exact for model in models):
        log.info(
            "the norm uses statistics of a whole tile: overlapping tiles are averaged, tile= changes the result a bit"
        )
    config = resolve_plain(compose_over_checkpoint(plain, overrides, verb, fixed))
    places |= {re.split(r"[.=]", override.lstrip("+"))[0]: "typed" for override in overrides}
    for key in ("postprocess", "tta", "data")[: 3 if "split" in config else 2]:
        check_targets(config[key], key, places[key], trust)
    check_prediction(config, overrides)
    folds = ensemble.folds if ensemble else [1] * len(models) if verb == "ensemble" else None
    return Predictor(models, config, ensemble, folds)


def _check_alike(models: Sequence[TrainedModel]) -> None:
    first = models[0]
    for other in models[1:]:
        for what, one, two in (
            ("classes", first.classes, other.classes),
            ("channels", first.channels, other.channels),
            ("target", *(type(one.target).__name__.lower() for one in (first, other))),
        ):
            if one != two:
                raise InputError(f"{other.path} has {what} {two}, {first.path} has {one}; an ensemble shares them")


def _said_by(ensemble: Ensemble, models: Sequence[TrainedModel]) -> dict[str, Any]:
    """The parts of a config that an ensemble.json holds."""
    if ensemble.classes != models[0].classes:
        raise InputError(
            f"{ensemble.path} has classes {ensemble.classes}, its members {models[0].classes}; make it again"
        )
    for key, node in (("tta", ensemble.tta), ("postprocess", ensemble.postprocess)):
        if not is_part(node):
            raise InputError(f"{ensemble.path}: {key} holds no part; make the ensemble again")
    log.info(f"{len(models)} checkpoints, {ensemble.average} averaged, post-processing as in {ensemble.path}")
    return {"tta": ensemble.tta, "postprocess": ensemble.postprocess}


def _views_average(tta: Any) -> str:
    """What a config averages of several views; a run of before averaged probabilities and doesn't say so."""
    return "logits" if is_part(tta) and tta.get("average") == "logits" else "probabilities"


def _tuned(path: Path) -> dict[str, Any]:
    """What `unet-lightning tune` wrote, as a part of a config; empty where it wrote nothing."""
    if not path.is_file():
        return {}
    try:
        found = dict(json.loads(path.read_text(encoding="utf-8"))["postprocess"])
        check_plain(found, "postprocess")
        if not is_part(found):
            raise TypeError("no part")
    except (InputError, OSError, ValueError, LookupError, TypeError, RecursionError):
        raise InputError(f"{path}: not what `unet-lightning tune` writes; tune again, or delete it") from None
    log.info(f"postprocess as tuned in {path}")
    return {"postprocess": found}


def tuned_path(checkpoint: Path) -> Path:
    """Where the post-processing chosen for a checkpoint lies."""
    return checkpoint.with_suffix(".postprocess.json")
