"""The base class of all searches: it finds the trials that are missing and runs them by one of Hydra's launchers."""

import logging
import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.core.utils import configure_log
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from unet_lightning.config.names import folder_name
from unet_lightning.config.plain import config_hash
from unet_lightning.config.quote import quote
from unet_lightning.config.schema import Retry
from unet_lightning.error import InputError
from unet_lightning.runtime.lock import hold
from unet_lightning.runtime.slurm import wait_for_queue
from unet_lightning.sweep.plan import is_due, print_table, write_plan
from unet_lightning.sweep.trial import DIED, Trial, forget

log = logging.getLogger(__name__)


def register_sweeper(sweeper: type[Sweeper]) -> None:
    """Make a sweeper known to Hydra, which accepts only names that begin with hydra_plugins."""
    Plugins.instance().class_name_to_class[f"hydra_plugins.{sweeper.__module__}.{sweeper.__name__}"] = sweeper


class Search(Sweeper, ABC):
    """Base class of the sweepers. A trial that is finished isn't run again.

    A preset may hold several grids in `search.grids`, for instance to vary one factor at a time.
    params: overrides of a preset, as in Hydra's own sweeper. max_batch_size: passed by Hydra, not used.
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
        """Run the missing trials, print the status of all, and exit: 0 if all are finished, else 1."""
        configure_log(self.common.hydra.hydra_logging, self.common.hydra.verbose)
        check_machine(self.common)
        with hold(self.folder):
            self._search(arguments)
        sys.exit(any(trial.status != "finished" for trial in self.trials.values()))

    def _search(self, arguments: list[str]) -> None:
        wait_for_queue(self.folder)
        grids = [self.grid(more, arguments) for more in self.common.search.get("grids") or [{}]]
        self.swept = varied(grids)
        try:
            self.explore(grids)
        finally:
            forget()
            if self.trials:
                print_table(list(self.trials.values()), self.folder)

    def grid(self, more: Mapping[str, Any], arguments: list[str]) -> list[Override]:
        """The overrides of one grid: the preset's, then this grid's, then those typed, where the later ones win."""
        parser = OverridesParser.create(config_loader=self.loader)
        preset = [f"{key}={value}" for key, value in {**self.params, **more}.items()]
        parsed = parser.parse_overrides(preset + arguments)
        return list({override.get_key_element(): override for override in parsed}.values())

    @abstractmethod
    def explore(self, grids: list[list[Override]]) -> None:
        """Run the trials of some grids."""

    def run(self, wanted: Iterable[Sequence[str]]) -> list[Trial]:
        """The trials of some overrides, run unless finished; all are composed and checked before the first one runs."""
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
        from unet_lightning.config.check import (  # with torch, which a composed sweep can wait for
            resolve,
            resolve_plain,
        )
        from unet_lightning.plan.apply import planned_overrides, said_by_preset

        name = folder_name([override for override in overrides if override.partition("=")[0] in self.swept])
        places = [f"hydra.sweep.dir={quote(self.folder)}", f"hydra.sweep.subdir={quote(name)}"]
        config = self.loader.load_sweep_config(self.common, list(overrides))
        hydra = self.common.hydra
        folders = [source.path for source in hydra.runtime.config_sources if source.schema == "file"]
        said = [*said_by_preset(hydra.job.config_name, folders), *overrides]
        planned = planned_overrides(resolve_plain(config), said, self.folder / name)
        plain = resolve(self.loader.load_sweep_config(self.common, [*planned, *overrides]) if planned else config)
        return Trial((*overrides, *places), self.folder / name, config_hash(plain), plain, tuple(planned))

    def launch(self, trials: list[Trial]) -> None:
        """Run trials by Hydra's launcher until each has ended; InputError if not even one could be started."""
        for trial in trials:
            with suppress(InputError), hold(trial.folder):  # one that another process runs keeps its status
                trial.write("waiting")
        try:
            for job in self.engine.launch([(*trial.planned, *trial.overrides) for trial in trials], initial_job_idx=0):
                _ = job.return_value  # raises the error that kept a trial from starting
        except Exception as error:
            wait_for_queue(self.folder)
            waiting = [trial for trial in trials if trial.status == "waiting"]
            if len(waiting) == len(trials):
                raise InputError(f"no trial could be started: {error}") from error
            self.recover([trial for trial in trials if trial.status == "running"], waiting)

    def recover(self, died: list[Trial], waiting: list[Trial]) -> None:
        """After a process died. With joblib all others end with it: those that had begun are run again one by one."""
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


def check_machine(common: DictConfig) -> None:
    """InputError where a trial asks for more GPUs or cores than this machine has; Ray would wait forever."""
    if "ray" not in common.hydra.launcher or common.hydra.launcher.ray.init.get("address"):
        return
    import torch

    gpus = torch.cuda.device_count() if common.launch.gpus is None else common.launch.gpus
    for key, found in (("gpus_per_trial", gpus), ("cpus_per_trial", os.cpu_count() or 1)):
        if common.launch[key] > found:
            raise InputError(f"launch.{key}={common.launch[key]}, and this machine has {found}; set launch.{key}=…")
