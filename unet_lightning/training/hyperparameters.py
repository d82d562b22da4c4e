"""The config of a run with its final scores, for its loggers."""

from collections.abc import Mapping
from typing import Any

import lightning as L

from unet_lightning.config.plain import flat
from unet_lightning.config.quote import read
from unet_lightning.logger.base import Recorder

PARTS = ("augment", "fusion", "loss", "model", "normalize", "optimizer", "schedule", "upsample", "weight")
UNTOLD = {"run", "logger"}  # parts of the config that change nothing that is learned, and may hold a password


def told_key(override: str) -> str | None:
    """The key of an override; None for those of UNTOLD, and for what isn't one."""
    found = read(override)
    return None if found is None or found.key_or_group.split(".")[0] in UNTOLD else str(found.key_or_group)


def log_hyperparameters(trainer: L.Trainer, plain: Mapping[str, Any], results: Mapping[str, Any]) -> None:
    """Every value of the config beside the final scores."""
    scores = {
        f"final/{split}/{score}": results[split]["pooled"][score]["foreground"]
        for split in ("val", "test")
        for score in ("dice", "iou")
        if split in results
    }
    parts = {key: str(plain[key]["_target_"]).rsplit(".", 1)[-1] for key in PARTS}
    values = flat({key: plain[key] for key in ("model", "loss", "weight", "optimizer")})
    values = {k: v for k, v in values.items() if isinstance(v, bool | int | float | str) and "._" not in k}
    values |= {f"data.{key}": plain["data"][key] for key in ("crop", "batch_size", "ridge")}
    values["trainer.max_epochs"] = plain["trainer"]["max_epochs"]
    values |= parts | results["choices"] | {"seed": plain["seed"]}
    typed = {key for line in results["overrides"] if (key := told_key(line))}
    given = flat(plain)
    values |= {name: value for name in typed if isinstance(value := given.get(name), bool | int | float | str)}
    for logger in trainer.loggers:
        if isinstance(logger, Recorder):
            logger.hyperparameters(values, scores, typed)
        else:
            logger.log_hyperparams(values)
            logger.log_metrics(scores)
