"""The results of a sweep: its trials as read from the folder, and the settings that they repeat with several seeds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isnan, nan
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from unet_lightning.error import InputError
from unet_lightning.runtime.files import RESULTS, read_results
from unet_lightning.sweep.plan import read_plan
from unet_lightning.sweep.trial import foreground_score

SEED = "seed"
PLACE = ("run", "resume")  # keys that don't change what a run computes


@dataclass(frozen=True)
class Outcome:
    """One trial: its overrides, status, scores and costs."""

    name: str
    overrides: dict[str, str]
    results: dict[str, Any]

    @property
    def status(self) -> str:
        """waiting, running, interrupted, failed or finished."""
        return str(self.results.get("status", "waiting"))

    @property
    def error(self) -> str:
        """Why it failed, in a line."""
        return (str(self.results.get("error", "")).splitlines() or [""])[0]

    @property
    def setting(self) -> frozenset[tuple[str, str]]:
        """Its overrides without the seed."""
        return frozenset(item for item in self.overrides.items() if item[0] != SEED)

    def score(self, split: str, name: str) -> float:
        """Pooled foreground score of a split; nan where there is none."""
        return foreground_score(self.results, split, name)

    def cost(self, name: str) -> float:
        """seconds, parameters, or memory in MiB: of the GPU where it used one, else of the process."""
        if name == "memory":
            found = self.results.get("memory") or {}
            size = found.get("gpu") or found.get("process")
            return size / 2**20 if size else nan
        value = self.results.get(name)
        return nan if value is None else float(value)


@dataclass(frozen=True)
class Setting:
    """Finished trials that differ only in the seed."""

    trials: tuple[Outcome, ...]
    scored: str

    @property
    def overrides(self) -> list[str]:
        """The overrides to type for this setting, without the seed."""
        return [f"{key}={value}" for key, value in self.trials[0].overrides.items() if key != SEED]

    def value(self, key: str) -> str:
        """Its value for a key."""
        return level(self.trials[0], key)

    def mean(self, split: str) -> float:
        """The mean score over seeds."""
        return fmean(trial.score(split, self.scored) for trial in self.trials)

    def std(self, split: str) -> float:
        """The standard deviation over seeds (N - 1); nan for one seed."""
        scores = [trial.score(split, self.scored) for trial in self.trials]
        return float(np.std(scores, ddof=1)) if len(scores) > 1 else nan

    def cost(self, name: str) -> float:
        """The mean cost over seeds."""
        return fmean(trial.cost(name) for trial in self.trials)


def read_sweep(folder: Path) -> list[Outcome]:
    """The trials of a sweep's folder, those that have not run included where sweep.json names them."""
    plan = read_plan(folder)
    found = {str(path.parent.relative_to(folder)): read_results(path.parent) for path in folder.rglob(RESULTS)}
    if not plan and not found:
        raise InputError(f"{folder} holds no trial: give the folder of a sweep, such as outputs/sweeps/NAME")
    names = [*plan, *sorted(found.keys() - plan.keys())]
    return [_outcome(name, found.get(name, {}), plan.get(name, [])) for name in names]


def _outcome(name: str, results: dict[str, Any], planned: Sequence[str]) -> Outcome:
    typed = results.get("overrides") or planned
    pairs = (override.lstrip("+").partition("=") for override in typed)
    return Outcome(name, {key: value for key, _, value in pairs if key not in PLACE}, results)


def varied_levels(outcomes: Iterable[Outcome]) -> dict[str, list[str]]:
    """Keys with several values among the trials, the seed included, and their values in order of appearance.

    A trial that doesn't override a key has the value that its group chose, or `default`.
    """
    trials = list(outcomes)
    keys = dict.fromkeys(key for trial in trials for key in trial.overrides)
    found = {key: list(dict.fromkeys(level(trial, key) for trial in trials)) for key in keys}
    return {key: values for key, values in found.items() if len(values) > 1}


def level(trial: Outcome, key: str) -> str:
    """The value a trial has for a key."""
    choices = trial.results.get("choices") or {}
    return trial.overrides.get(key, str(choices.get(key, "default")))


def settings(outcomes: Iterable[Outcome], scored: str) -> list[Setting]:
    """Finished trials grouped by their overrides without the seed, best validation score first."""
    groups: dict[frozenset[tuple[str, str]], list[Outcome]] = {}
    for trial in outcomes:
        if not isnan(trial.score("val", scored)):
            groups.setdefault(trial.setting, []).append(trial)
    found = [Setting(tuple(trials), scored) for trials in groups.values()]
    return sorted(found, key=lambda setting: setting.mean("val"), reverse=True)
