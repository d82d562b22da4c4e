"""A trial of a sweep: its folder, its status, and a run that records how it ended, whatever happens."""

import gc
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unet_lightning.config.overrides import steers
from unet_lightning.config.plain import config_hash, differences, read_config
from unet_lightning.error import InputError
from unet_lightning.runtime.files import CONFIG, RESULTS, read_results, write_json
from unet_lightning.runtime.lock import hold
from unet_lightning.runtime.parent import end_with_parent

if TYPE_CHECKING:
    from unet_lightning.training.run import CommandLine

DIED = "its process ended without an error message: killed, or out of memory"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trial:
    """The overrides of one combination, the folder named by them, the hash and the values of the resolved config.

    planned: overrides of the trial's plan, beneath its own.
    """

    overrides: tuple[str, ...]
    folder: Path
    config_hash: str
    config: Mapping[str, Any]
    planned: tuple[str, ...] = ()

    @property
    def results(self) -> dict[str, Any]:
        """What its results.json says, or nothing."""
        return read_results(self.folder)

    @property
    def status(self) -> str:
        """waiting, running, interrupted, failed or finished."""
        return str(self.results.get("status", "waiting"))

    def write(self, status: str, **more: Any) -> None:
        """Replace its results.json by its status, its overrides and the hash of its config."""
        identity = {"overrides": [o for o in self.overrides if not steers(o)], "config_hash": self.config_hash}
        write_json(self.folder / RESULTS, {"status": status} | identity | more)


def describe_changes(trial: Trial) -> str:
    """The differences between the config in a trial's folder and its config now, key by key."""
    path = trial.folder / CONFIG
    found = differences(read_config(path), trial.config) if path.exists() else {}
    return "; ".join(f"{key}={old}, now {new}" for key, (old, new) in list(found.items())[:5]) or f"{path} is missing"


def foreground_score(results: Mapping[str, Any], split: str, name: str) -> float:
    """The pooled score of the foreground on a split, as results.json has it; nan where there is none."""
    try:
        return float(results[split]["pooled"][name]["foreground"])
    except (KeyError, TypeError, ValueError):
        return nan


def validation_score(results: Mapping[str, Any]) -> float:
    """The score by which trials are compared: pooled foreground Dice of the validation split; nan if there is none."""
    return foreground_score(results, "val", "dice")


def run_trial(config: Mapping[str, Any], folder: Path, typed: "CommandLine") -> float:
    """Train one trial and return its score; a failure is written to its log and results.json, and gives nan.

    A trial whose results.json says `running` was started again by its launcher because its process died, and fails
    without another attempt, unless a queue put it back. What another process trains is left to it. What was read of the
    data set stays in this process for the next trial, until the sweep ends.
    """
    end_with_parent()
    try:
        with hold(folder):
            return _run_held(config, folder, typed)
    except InputError as error:
        log.error(str(error))
        return nan


def _run_held(config: Mapping[str, Any], folder: Path, typed: "CommandLine") -> float:
    from unet_lightning.pipeline.cache.shared import shared
    from unet_lightning.training.run import train

    shared.begin()
    trial = Trial(tuple(typed.overrides), folder, config_hash(config), config)
    try:
        if trial.status == "running" and "SLURM_RESTART_COUNT" not in os.environ:
            raise InputError(DIED)
        trial.write("running")
        return validation_score(train(config, folder, typed))
    except InputError as error:
        log.error(str(error))
        trial.write("failed", error=str(error))
    except Exception as error:  # whatever it is, the other trials go on
        log.exception("the trial failed")
        cause = error.__cause__ or error  # the error of the part itself, not Hydra's that it could not be built
        trial.write("failed", error=f"{type(cause).__name__}: {cause}")
    finally:
        release()
    return nan


def forget() -> None:
    """Free what the trials of a sweep shared in this process."""
    from unet_lightning.pipeline.cache.shared import shared

    shared.end()


def release() -> None:
    """Free memory before the next trial in this process."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
