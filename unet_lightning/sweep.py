"""Sweeps: which trials are missing, run by one of Hydra's launchers, and a last table of how each ended."""

import json
import logging
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.core.utils import configure_log
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table

from unet_lightning.config import Retry, folder_name, steers
from unet_lightning.error import InputError
from unet_lightning.trial import DIED, Trial, changes, score

log = logging.getLogger(__name__)


def register(sweeper: type[Sweeper]) -> None:
    """Make a sweeper known to Hydra, which only takes names that begin with hydra_plugins."""
    Plugins.instance().class_name_to_class[f"hydra_plugins.{sweeper.__module__}.{sweeper.__name__}"] = sweeper


class Grid(Sweeper):
    """Every combination of the values given; a trial that is done isn't run again.

    Presets may hold several grids in `search.grids`, one beside the other, such as one factor at a time.
    params: overrides of a preset, as Hydra's own sweeper takes them. max_batch_size: Hydra's, of no use here.
    """

    def __init__(self, max_batch_size: int | None = None, params: Mapping[str, str] | None = None) -> None:
        self.params = params or {}
        self.trials: dict[Path, Trial] = {}  # of this call
        self.swept: set[str] = set()  # keys with several values, by which trials are named

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take from Hydra the config of the sweep and the launcher that runs its trials."""
        self.common, self.loader = config, hydra_context.config_loader
        self.engine = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    @property
    def folder(self) -> Path:
        """The sweep's folder, which holds those of its trials."""
        return Path(self.common.hydra.sweep.dir)

    def sweep(self, arguments: list[str]) -> None:
        """Run what is missing, print how every trial ended, and exit: 0 if all are finished, else 1."""
        configure_log(self.common.hydra.hydra_logging, self.common.hydra.verbose)
        check_machine(self.common)
        wait_for_queue(self.folder)
        grids = [self.grid(more, arguments) for more in self.common.search.get("grids") or [{}]]
        self.swept = varied(grids)
        try:
            self.explore(grids)
        finally:
            if self.trials:
                print_table(list(self.trials.values()), self.folder)
        sys.exit(any(trial.status != "finished" for trial in self.trials.values()))

    def grid(self, more: Mapping[str, Any], arguments: list[str]) -> list[Override]:
        """The overrides of one grid: the preset's, those of this grid alone, and, before both, what was typed."""
        parser = OverridesParser.create(config_loader=self.loader)
        preset = [f"{key}={value}" for key, value in {**self.params, **more}.items()]
        parsed = parser.parse_overrides(preset + arguments)
        return list({override.get_key_element(): override for override in parsed}.values())

    def explore(self, grids: list[list[Override]]) -> None:
        """Try every combination of every grid."""
        self.run(combination for grid in grids for combination in combinations(grid))

    def run(self, wanted: Iterable[Sequence[str]]) -> list[Trial]:
        """The trials of some overrides, run unless they are done; all are composed and checked before the first."""
        trials = [self.compose(overrides) for overrides in wanted]
        distinct = {trial.folder: trial for trial in trials}
        due = [trial for trial in distinct.values() if is_due(trial, self.common.retry is Retry.failed)]
        self.trials |= distinct
        write_plan(self.folder, trials)
        log.info(f"{self.folder}: {len(distinct) - len(due)} of {len(distinct)} trials are done already")
        if due:
            self.launch(due)
        return trials

    def compose(self, overrides: Sequence[str]) -> Trial:
        """The trial of some overrides; InputError where its config is wrong."""
        from unet_lightning.part import check, config_hash, plain_config

        name = folder_name([override for override in overrides if override.partition("=")[0] in self.swept])
        places = [f"hydra.sweep.dir={quoted(self.folder)}", f"hydra.sweep.subdir={quoted(name)}"]
        plain = plain_config(self.loader.load_sweep_config(self.common, list(overrides)))
        check(plain)
        return Trial((*overrides, *places), self.folder / name, config_hash(plain), plain)

    def launch(self, trials: list[Trial]) -> None:
        """Run trials by Hydra's launcher until each has ended; InputError if not even one could be started."""
        for trial in trials:
            trial.write("waiting")
        try:
            for job in self.engine.launch([trial.overrides for trial in trials], initial_job_idx=0):
                _ = job.return_value  # raises what kept a trial from starting
        except Exception as error:
            wait_for_queue(self.folder)
            waiting = [trial for trial in trials if trial.status == "waiting"]
            if len(waiting) == len(trials):
                raise InputError(f"no trial could be started: {error}") from error
            self.recover([trial for trial in trials if trial.status == "running"], waiting)

    def recover(self, died: list[Trial], waiting: list[Trial]) -> None:
        """After a process died. With joblib it took all others along: those that had begun are run again one by one."""
        if "joblib" in self.common.hydra.launcher._target_ and len(died) + len(waiting) > 1:
            for group in [[trial] for trial in died] + [waiting] * bool(waiting):
                self.launch(group)
        else:
            for trial in died:
                trial.write("failed", error=DIED)


def varied(grids: Sequence[Sequence[Override]]) -> set[str]:
    """The keys by which trials differ: those with several values, in one grid or from grid to grid."""
    lines = [{override.get_key_element(): str(override.input_line) for override in grid} for grid in grids]
    keys = {key for grid in lines for key in grid}
    swept = {override.get_key_element() for grid in grids for override in grid if override.is_sweep_override()}
    return swept | {key for key in keys if len({grid.get(key) for grid in lines}) > 1}


def combinations(overrides: Iterable[Override]) -> list[list[str]]:
    """Every combination of the values of the overrides that have several."""
    values = []
    for override in overrides:
        if override.is_discrete_sweep():
            values.append([f"{override.get_key_element()}={value}" for value in override.sweep_string_iterator()])
        elif override.is_sweep_override():
            raise InputError(f"{override.input_line}: only search=tpe chooses from an interval; give the values")
        else:
            values.append([str(override.input_line)])
    return [list(chosen) for chosen in product(*values)]


def check_machine(common: DictConfig) -> None:
    """InputError where a trial wants more than this machine has, which Ray would wait for without end."""
    if "ray" not in common.hydra.launcher or common.hydra.launcher.ray.init.get("address"):
        return
    import torch

    gpus = torch.cuda.device_count() if common.launch.gpus is None else common.launch.gpus
    for key, found in (("gpus_per_trial", gpus), ("cpus_per_trial", os.cpu_count() or 1)):
        if common.launch[key] > found:
            raise InputError(f"launch.{key}={common.launch[key]}, and this machine has {found}; set launch.{key}=…")


def quoted(value: object) -> str:
    """A value as an override that Hydra reads as one word, whatever is in it."""
    return "'" + str(value).replace("'", "\\'") + "'"


def is_due(trial: Trial, retry: bool) -> bool:
    """Whether a trial is to be run; InputError where its folder holds the results of another config."""
    same = trial.results.get("config_hash") == trial.config_hash
    if trial.status == "finished" and not same:
        raise InputError(
            f"{trial.folder} is finished with another config ({changes(trial)}); "
            "give this sweep a name of its own: run=…"
        )
    return retry or not same if trial.status == "failed" else trial.status != "finished"


def write_plan(folder: Path, trials: list[Trial]) -> None:
    """Add trials to sweep.json, which says what belongs to a sweep, whether or not it has run."""
    path = folder / "sweep.json"
    plan = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    plan |= {trial.folder.name: [o for o in trial.overrides if not steers(o)] for trial in trials}
    folder.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".json.part")
    temporary.write_text(json.dumps(plan, indent=1), encoding="utf-8")
    os.replace(temporary, path)


def wait_for_queue(folder: Path) -> None:
    """Wait for those jobs of this sweep that SLURM still holds, of an earlier start as well."""
    arrays = {path.name.split("_")[0] for path in (folder / ".submitit").glob("*") if path.name[0].isdigit()}
    while arrays and (queued := in_queue(arrays)):
        log.info(f"{queued} jobs of this sweep are still in the queue")
        time.sleep(10)


def in_queue(jobs: Iterable[str]) -> int:
    """How many jobs SLURM still holds; one that can't be asked now counts as held."""
    command = ["squeue", "--noheader", "--array", "--jobs", ",".join(jobs)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return len(done.stdout.splitlines()) or int(done.returncode != 0 and "Invalid job id" not in done.stderr)


def print_table(trials: list[Trial], folder: Path) -> None:
    """How every trial ended, and why it failed."""
    table = Table(title=str(folder))
    for name in ("trial", "status", "val Dice", "why"):
        table.add_column(name, overflow="fold", justify="right" if name == "val Dice" else "left")
    for trial in trials:
        found = trial.results
        reason = str(found.get("error", "")).splitlines()[:1]
        shown = f"{score(found):.4f}" if trial.status == "finished" else ""
        table.add_row(trial.folder.name, trial.status, shown, *reason)
    console = Console()
    console.print(table)
    numbers = Counter(trial.status for trial in trials)
    told = ", ".join(f"{number} {status}" for status, number in sorted(numbers.items()))
    hint = "; the same command with retry=failed repeats what failed" if numbers["failed"] else ""
    console.print(f"{len(trials)} trials: {told}{hint}", soft_wrap=True)
    console.print(f"unet-lightning sweep-report {folder}", soft_wrap=True)
