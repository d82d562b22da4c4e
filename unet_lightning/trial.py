"""A trial of a sweep: its folder, how far it came, and a run that writes down how it ended, whatever happens."""

import gc
import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from unet_lightning.config import steers
from unet_lightning.error import InputError

DIED = "its process ended without a word: killed, or out of memory"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trial:
    """The overrides of one combination, the folder named by them, the hash and the values of the resolved config."""

    overrides: tuple[str, ...]
    folder: Path
    config_hash: str
    config: Mapping[str, Any]

    @property
    def results(self) -> dict[str, Any]:
        """What its results.json says, or nothing."""
        return read(self.folder)

    @property
    def status(self) -> str:
        """waiting, running, interrupted, failed or finished."""
        return str(self.results.get("status", "waiting"))

    def write(self, status: str, **more: Any) -> None:
        """Replace its results.json by a word of how far it came."""
        from unet_lightning.report import write_json

        identity = {"overrides": [o for o in self.overrides if not steers(o)], "config_hash": self.config_hash}
        self.folder.mkdir(parents=True, exist_ok=True)
        write_json(self.folder, {"status": status} | identity | more)


def read(folder: Path) -> dict[str, Any]:
    """results.json of a folder; empty where there is none or it can't be read."""
    try:
        found = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def changes(trial: Trial) -> str:
    """What the config of a trial changes in the one its folder was made with, key by key."""
    from unet_lightning.folder import CONFIG, differences
    from unet_lightning.part import read_config

    path = trial.folder / CONFIG
    found = differences(read_config(path), trial.config) if path.exists() else {}
    return "; ".join(f"{key}={old}, now {new}" for key, (old, new) in list(found.items())[:5]) or f"{path} is missing"


def score(results: Mapping[str, Any]) -> float:
    """What trials are compared by: foreground Dice of the validation split, pooled; nan where there is none."""
    try:
        return float(results["val"]["pooled"]["dice"]["foreground"])
    except (KeyError, TypeError):
        return nan


def run(config: DictConfig, folder: Path, overrides: Sequence[str], choices: Mapping[str, str]) -> float:
    """Train one trial and return its score; a failure goes to its log and results.json, and returns nan.

    A trial whose results.json says `running` was started again by its launcher because its process died, and fails
    without another attempt, unless a queue put it back.
    """
    from unet_lightning.part import config_hash, plain_config
    from unet_lightning.run import train

    trial = Trial(tuple(overrides), folder, config_hash(plain_config(config)), {})
    try:
        if trial.status == "running" and "SLURM_RESTART_COUNT" not in os.environ:
            raise InputError(DIED)
        trial.write("running")
        return score(train(config, folder, overrides, choices))
    except InputError as error:
        log.error(str(error))
        trial.write("failed", error=str(error))
    except Exception as error:  # whatever it is, the other trials go on
        log.exception("the trial failed")
        cause = error.__cause__ or error  # what a part raised, not that it could not be built
        trial.write("failed", error=f"{type(cause).__name__}: {cause}")
    finally:
        release()
    return nan


def release() -> None:
    """Hand memory back before the next trial in this process."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
