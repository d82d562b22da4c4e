"""Checkpoints to a predictor."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from unet_lightning.config.check import check_prediction, is_part, resolve_plain
from unet_lightning.config.overlay import USED, compose_over_checkpoint
from unet_lightning.error import InputError
from unet_lightning.prediction.checkpoint import load_model
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
    """Checkpoints, several of them an ensemble, ready to predict; InputError where they don't belong together.

    overrides: as on the command line of `verb`, composed over the first one's config, and before those that are `fixed`
    by the verb. What `unet-lightning tune` chose lies beside a checkpoint and is used unless postprocess is overridden.
    trust: packages whose classes may be built.
    """
    models = [load_model(checkpoint, trust) for checkpoint in checkpoints]
    first = models[0]
    for other in models[1:]:
        for what, one, two in (
            ("classes", first.classes, other.classes),
            ("channels", first.channels, other.channels),
        ):
            if one != two:
                raise InputError(f"{other.path} has {what} {two}, {first.path} has {one}; an ensemble shares them")
    plain = dict(first.identity["config"])
    chosen = any(override.startswith("postprocess=") for override in overrides)
    if tuned_path(first.path).is_file() and "postprocess" in USED[verb] and not chosen:
        plain["postprocess"] = _read_tuned(tuned_path(first.path))
        log.info(f"postprocess as tuned in {tuned_path(first.path)}")
    if not all(model.network.geometry.exact for model in models):
        log.info(
            "the norm uses statistics of a whole tile: overlapping tiles are averaged, tile= changes the result a bit"
        )
    config = resolve_plain(compose_over_checkpoint(plain, overrides, verb, fixed))
    for key in ("postprocess", "tta", "data")[: 3 if "split" in config else 2]:
        check_targets(config[key], key, trust)
    check_prediction(config, overrides)
    return Predictor(models, config)


def _read_tuned(path: Path) -> dict[str, Any]:
    try:
        found = dict(json.loads(path.read_text(encoding="utf-8"))["postprocess"])
        check_plain(found, "postprocess")
        if not is_part(found):
            raise TypeError("no part")
    except (InputError, OSError, ValueError, LookupError, TypeError, RecursionError):
        raise InputError(f"{path}: not what `unet-lightning tune` writes; tune again, or delete it") from None
    return found


def tuned_path(checkpoint: Path) -> Path:
    """Where the post-processing chosen for a checkpoint lies."""
    return checkpoint.with_suffix(".postprocess.json")
