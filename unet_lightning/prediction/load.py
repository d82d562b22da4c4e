"""Checkpoints, or an ensemble, to a predictor."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from unet_lightning.config.check import check_prediction, is_part, resolve_plain
from unet_lightning.config.overlay import USED, compose_over_checkpoint
from unet_lightning.config.schema import HOTTEST
from unet_lightning.error import InputError
from unet_lightning.prediction.checkpoint import TrainedModel, load_model
from unet_lightning.prediction.ensemble import Ensemble, ensemble_of
from unet_lightning.prediction.identity import check_plain
from unet_lightning.prediction.predictor import Predictor, log
from unet_lightning.prediction.trust import check_targets

TUNED = ("postprocess", "tta", "temperature")


def load(
    *checkpoints: str | Path,
    overrides: Sequence[str] = (),
    trust: Sequence[str] = (),
    verb: str = "predict",
    fixed: Sequence[str] = (),
) -> Predictor:
    """Checkpoints, several of them an ensemble, or an ensemble.json; InputError where they don't belong together.

    overrides: as on the command line of `verb`, composed over the first one's config, and before those that are `fixed`
    by the verb. What `unet-lightning tune`, or a run at its end, chose lies beside a checkpoint and is used, but for
    what is overridden, and for views whose postprocess is; its temperature only where it is the one checkpoint, and
    where the views that were chosen with it are used. An ensemble.json says its own post-processing, views and
    averaging, which overrides replace as well; for the verb that makes one each checkpoint is a configuration of its
    own. trust: packages whose classes may be built.
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
    elif wanted := _wanted(verb, overrides, len(models)):
        tuned = _tuned(tuned_path(models[0].path))
        if "tta" in tuned.keys() - wanted and "temperature" in tuned.keys() & wanted:
            views = resolve_plain(compose_over_checkpoint(plain, overrides, verb, fixed))["tta"]
            if views != tuned["tta"]:
                wanted.remove("temperature")
                log.info("temperature=1: what was tuned is of views that aren't averaged here; with tta=flips they are")
        tuned = {key: value for key, value in tuned.items() if key in wanted}
        if tuned:
            log.info(f"{' and '.join(tuned)} as tuned in {tuned_path(models[0].path)}")
        if "temperature" in tuned:
            overrides = [f"temperature={tuned.pop('temperature')}", *overrides]
        plain |= tuned  # what is typed is composed over it
        places |= dict.fromkeys(tuned, str(tuned_path(models[0].path)))
    if not all(model.network.geometry.exact for model in models):
        log.info("the network looks at its whole tile: overlapping tiles are averaged, tile= changes the result a bit")
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
        given, there = ([m.identity["config"]["data"].get(k) for k in ("resample", "unit")] for m in (first, other))
        alike = given == there or given[0] is there[0] is None
        for what, one, two in (
            *(() if alike else (("data.resample", given, there),)),
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


def _wanted(verb: str, overrides: Sequence[str], models: int) -> set[str]:
    """The keys that are taken from what was tuned: those that the verb reads and that nothing typed decides."""
    if "postprocess" not in USED[verb]:
        return set()
    typed = {override.partition("=")[0].lstrip("+") for override in overrides}
    typed |= {"tta"} if "postprocess" in typed else set()  # chosen together
    typed |= {"temperature"} if models > 1 else set()  # fitted to one network's probabilities, not to their mean
    return set(TUNED) & set(USED[verb]) - typed


def _tuned(path: Path) -> dict[str, Any]:
    """What `unet-lightning tune`, or a run at its end, wrote, as parts of a config; empty where nothing was written."""
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        found: dict[str, Any] = {"postprocess": dict(content["postprocess"])}
        found |= {"tta": dict(content["tta"])} if "tta" in content else {}
        for key, node in found.items():
            check_plain(node, key)
            if not is_part(node):
                raise TypeError("no part")
        if "temperature" in content:
            temperature = content["temperature"]
            if type(temperature) not in (int, float) or not 0 < temperature <= HOTTEST:
                raise TypeError("no temperature")
            found["temperature"] = temperature
    except (InputError, OSError, ValueError, LookupError, TypeError, RecursionError):
        raise InputError(f"{path}: not what `unet-lightning tune` writes; tune again, or delete it") from None
    return found


def tuned_path(checkpoint: Path) -> Path:
    """Where the post-processing chosen for a checkpoint lies, with its views and its temperature."""
    return checkpoint.with_suffix(".postprocess.json")
