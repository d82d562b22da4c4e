"""The trials of a cross-validation: those of a sweep, or runs that are named, that differ in the fold alone."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unet_lightning.config import signature
from unet_lightning.config.check import SPLITTING
from unet_lightning.config.overrides import steers
from unet_lightning.config.plain import differences
from unet_lightning.error import InputError, shown
from unet_lightning.pipeline.known_data import read_known
from unet_lightning.prediction.checkpoint import CHECKPOINT_KEY, read_checkpoint
from unet_lightning.record import assign_splits, number_of_folds
from unet_lightning.runtime.files import BEST, RESULTS, read_results
from unet_lightning.sweep.outcome import read_sweep
from unet_lightning.sweep.plan import read_plan

FREE = ("data.fold", "seed")  # keys in which trials of one configuration may differ


@dataclass(frozen=True)
class Run:
    """A trained fold: its folder and the config that its checkpoint holds."""

    folder: Path
    config: dict[str, Any]

    @property
    def fold(self) -> int | None:
        """Which fold it held out; None for no cross-validation."""
        fold: int | None = self.config["data"].get("fold")
        return fold


@dataclass(frozen=True)
class Configuration:
    """One config, trained for every fold."""

    name: str
    runs: tuple[Run, ...]

    @property
    def checkpoints(self) -> list[Path]:
        """One a fold, in their order."""
        return [run.folder / BEST for run in self.runs]


def find_configurations(folders: Sequence[Path]) -> list[Configuration]:
    """A configuration for each sweep, and one for all runs that are named; InputError where folds are missing, differ
    in more than the fold, or saw other data.
    """
    alone = [folder for folder in folders if (folder / RESULTS).is_file()]
    groups = {folder: trials_of(folder) for folder in folders if folder not in alone}
    if alone:
        groups[alone[0].parent] = alone
    found = [configuration(place, runs) for place, runs in groups.items()]
    numbers = {one.name: len(one.runs) for one in found}
    if len(set(numbers.values())) > 1:
        told = ", ".join(f"{name} has {number}" for name, number in numbers.items())
        raise InputError(f"{told} folds; an ensemble's configurations share their folds: set data.folds alike")
    return found


def trials_of(sweep: Path) -> list[Path]:
    """The folders of a sweep's trials; InputError where one isn't finished."""
    if not sweep.is_dir():
        raise InputError(f"{sweep} is no folder; give the folder of a sweep, such as outputs/cv")
    outcomes = read_sweep(sweep)
    for one in outcomes:
        if one.status != "finished":
            reason = f" ({shown(one.error, 200)})" if one.error else ""
            raise InputError(
                f"{sweep / one.name} is {one.status}{reason}; run: {command(sweep)}"
                + (" retry=failed" if one.status == "failed" else "")
            )
    return [sweep / one.name for one in outcomes]


def configuration(place: Path, folders: Sequence[Path]) -> Configuration:
    """The runs of some folders by their folds; InputError where they don't make a cross-validation."""
    runs = [read_run(folder) for folder in folders]
    for run in runs:
        if run.fold is None:
            raise InputError(f"{run.folder} holds out no fold; run: {command(place)}")
        other = differences(runs[0].config, run.config)
        unlike = [f"{key}: {one}, {two}" for key, (one, two) in other.items() if key not in FREE]
        if unlike:
            raise InputError(
                f"{runs[0].folder} and {run.folder} differ in {shown('; '.join(unlike[:3]), 300)}; expected data.fold "
                "alone: give each configuration a sweep of its own"
            )
    folds = number_of_folds(runs[0].config["data"]["folds"])
    by_fold: dict[int | None, Run] = {}
    for run in runs:
        if run.fold in by_fold:
            raise InputError(
                f"{by_fold[run.fold].folder} and {run.folder} both hold out data.fold={run.fold}; expected each fold "
                "once: name the runs of one seed"
            )
        by_fold[run.fold] = run
    check_content(runs)
    missing = [str(fold) for fold in range(folds) if fold not in by_fold]
    if missing:
        raise InputError(f"{place}: of {folds} folds {', '.join(missing)} not trained; run: {command(place, folds)}")
    return Configuration(str(place), tuple(by_fold[fold] for fold in range(folds)))


def read_run(folder: Path) -> Run:
    """InputError for a run that isn't finished or whose checkpoint can't be read."""
    status = read_results(folder).get("status", "not begun")
    if status != "finished":
        raise InputError(f"{folder} is {status}; start the same command again")
    config = read_checkpoint(folder / BEST)[CHECKPOINT_KEY]["config"]
    splitting = {name: config["data"].get(name) for name in SPLITTING}
    if wrong := signature.findings(assign_splits, splitting, "data"):
        raise InputError(f"{folder / BEST}: {wrong[0]}; train it again")
    return Run(folder, config)


def check_content(runs: Sequence[Run]) -> None:
    """InputError where an image or a label held something else when another fold was trained."""
    first: dict[str, tuple[tuple[str, str], Path]] = {}
    for run in runs:
        known = read_known(run.folder)
        for name, content in {one.id: (one.image, one.label) for one in (known.seen if known else ())}.items():
            before, folder = first.setdefault(name, (content, run.folder))
            if content != before:
                raise InputError(
                    f"{name} isn't the same image and label in {folder} and in {run.folder}: the data changed between "
                    "the folds; train all of them again on what is there now"
                )


def command(place: Path, folds: int = 5) -> str:
    """What to type so that the folds that a sweep lacks are trained."""
    lines = next(iter(read_plan(place).values()), [f"run={place.name}"])
    typed = [line for line in lines if not steers(line) and line.lstrip("+").partition("=")[0] != "data.fold"]
    every = ",".join(map(str, range(folds)))
    return shlex.join(["python", "train.py", "-m", *typed, f"data.fold={every}"])
