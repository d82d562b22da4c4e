"""`unet-lightning train`, and what `python train.py` does."""

import os
import sys
from argparse import ArgumentParser
from pathlib import Path

import hydra
from hydra import compose as compose_again
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError  # type: ignore[import-untyped]

from unet_lightning.command.arguments import refuse
from unet_lightning.command.help import help_text
from unet_lightning.config import names as names  # its resolvers, in the processes that run trials too
from unet_lightning.config.explain import explain
from unet_lightning.config.groups import CONF
from unet_lightning.config.overrides import check_overrides, steers, warn_repeated
from unet_lightning.config.quote import quote_paths
from unet_lightning.config.safe_yaml import load_mapping
from unet_lightning.config.schema import register
from unet_lightning.error import InputError, Interrupted
from unet_lightning.runtime.launch import external_launch, rank
from unet_lightning.runtime.signals import SignalGuard
from unet_lightning.runtime.slurm import requeue
from unet_lightning.search.base import register_sweeper
from unet_lightning.search.grid import Grid
from unet_lightning.search.tpe import Tpe


def main(arguments: list[str]) -> int:
    """Train; returns 0 when the run, or every trial of the sweep, is finished."""
    if {"-h", "--help"} & set(arguments):
        print(help_text(f"python {sys.argv[0]}" if sys.argv[0].endswith(".py") else sys.argv[0]))
        return 0
    register()
    register_sweeper(Grid)
    register_sweeper(Tpe)
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come here instead of being printed by Hydra
    try:
        typed = quote_paths([a for a in arguments if _is_override(a)])
        warn_repeated(typed)
        check_overrides(typed, *_preset_folders(arguments))
        sys.argv[1:] = [a for a in arguments if not _is_override(a)] + typed
        if external_launch():
            _join(arguments)
        _compose_and_train()
    except (HydraException, OmegaConfBaseException, YAMLError) as error:
        raise InputError(explain(error)) from None
    except OSError as error:  # before the run has a folder that can be written
        where = error.filename or "outputs"
        raise InputError(f"{where}: {error.strerror}; start in a folder you can write, with space left") from None
    return 0


def _join(arguments: list[str]) -> None:
    """Under torchrun and srun every process composes the same config; the first one alone writes a log."""
    if {"-m", "--multirun"} & set(arguments):
        raise InputError(
            "-m starts the processes of each trial itself (trainer.devices=2); start it without torchrun or srun"
        )
    if not any(argument.startswith("run=") for argument in arguments):
        raise InputError("torchrun and srun need a name for the run, so that all processes use one folder: set run=…")
    if rank():
        sys.argv += ["hydra/job_logging=disabled", "hydra/hydra_logging=none"]


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="train")
def _compose_and_train(config: DictConfig) -> float:
    with SignalGuard():  # from here on: what follows takes seconds
        try:  # torch and lightning are imported only when the config is complete
            from unet_lightning.config.check import resolve, resolve_plain
            from unet_lightning.config.plain import plain_config
            from unet_lightning.plan.apply import planned_overrides, said_by_preset
            from unet_lightning.sweep.trial import run_trial, validation_score
            from unet_lightning.training.folder import remove_unbegun
            from unet_lightning.training.run import CommandLine, train
        except Interrupted as interrupted:
            requeue(interrupted.signum)
            raise
    made = HydraConfig.get()
    folder, choices = Path(made.runtime.output_dir), dict(made.runtime.choices)
    try:
        folders = [source.path for source in made.runtime.config_sources if source.schema == "file"]
        said = [*said_by_preset(made.job.config_name, folders), *made.overrides.task]
        planned = planned_overrides(resolve_plain(config), said, folder, began=made.mode == RunMode.MULTIRUN)
        if not set(planned) <= set(made.overrides.task):  # a sweep has put them there
            config = compose_again(made.job.config_name, [*planned, *made.overrides.task])
        choices |= {key: name for key, _, name in (line.partition("=") for line in planned) if key in choices}
        overrides = [line for line in made.overrides.task if not steers(line) and line not in planned]
        typed = CommandLine(
            overrides, {k: name for k, name in choices.items() if k in config and name and not steers(k)}
        )
        if made.mode == RunMode.MULTIRUN:  # the sweep has checked it
            return run_trial(plain_config(config), folder, typed)
        if idle := [override for override in made.overrides.task if steers(override)]:
            raise InputError(f"{idle[0]}: it says how a sweep is run; put -m before the overrides, or leave it out")
        return validation_score(train(resolve(config), folder, typed))
    except InputError as error:
        if rank() == 0:
            remove_unbegun(folder)
        refuse(str(error))


def _is_override(argument: str) -> bool:
    return not argument.startswith("-") and ("=" in argument or argument.startswith("~"))


def _preset_folders(arguments: list[str]) -> list[Path]:
    """The folder given by -cd or --config-dir and the preset's own search path: their groups are known as well."""
    flags = ArgumentParser(add_help=False)  # those of Hydra that matter here, read as it does
    flags.add_argument("--config-dir", "-cd", type=Path)
    flags.add_argument("--config-name", "-cn", default="train")
    found, _ = flags.parse_known_args(arguments)
    given = [found.config_dir] if found.config_dir else []
    name = found.config_name.removesuffix(".yaml")
    presets = [_load(path) for folder in given if (path := folder / f"{name}.yaml").is_file()]
    searched = [str(place) for one in presets for place in OmegaConf.select(one, "hydra.searchpath") or ()]
    return given + [Path(place.removeprefix("file://")) for place in searched if place.startswith("file://")]


def _load(path: Path) -> DictConfig:
    """A preset; InputError where it holds no keys."""
    try:
        found = load_mapping(path)
    except ValueError as error:
        raise InputError(f"{path}: not a preset ({error}); expected keys and values as in conf/train.yaml") from None
    for key in ("defaults", "hydra.searchpath"):
        if not OmegaConf.is_list(OmegaConf.select(found, key, default=OmegaConf.create([]))):
            raise InputError(f"{path}: {key} is no list; write it as [A, B]")
    return found
