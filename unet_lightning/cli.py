"""`unet-lightning VERB FILES key=value…`: flags only for files, everything else are overrides."""

import os
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import NoReturn

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from unet_lightning import search, sweep, trial
from unet_lightning.config import CONF, check_overrides, explain, groups, register, steers
from unet_lightning.environment import outside, rank
from unet_lightning.error import InputError, Interrupted, nearest
from unet_lightning.stop import Stop, requeue

VERBS = {
    "train": "train and score a network; python train.py is the same",
    "predict": "label images of any size with a checkpoint or an ensemble",
    "evaluate": "score a checkpoint on whole images, with intervals and a report",
    "compare": "tell which of several evaluated runs is better, on the same images",
    "tune": "choose the post-processing on the validation split",
    "export": "write a network that runs without torch, with an example that does",
    "validate": "check a data set without training: account, errors, leakage, contact sheet",
    "convert": "write any data set as the plain layout that data=folder reads",
    "sweep-report": "compare the trials of a sweep: means over seeds, effects, cost, the best overrides",
}
USAGE = """Train a U-Net: choose parts, set values, sweep with -m.

  {program} loss=focal upsample=bilinear
  {program} data=folder data.root=/my/images trainer.max_epochs=50
  {program} -m loss=ce,focal upsample=transposed,bilinear seed=1,2,3
  {program} -m -cd experiments/upsample_fusion -cn quick
  {program} --cfg job                  show the composed config and stop
  tensorboard --logdir outputs
"""


def main() -> None:
    """The console script: `main(arguments) -> exit code` of the module named like the verb."""
    verb, rest = (sys.argv[1], sys.argv[2:]) if len(sys.argv) > 1 else ("", [])
    if verb in ("", "-h", "--help"):
        lines = [f"  {name:<14} {text}" for name, text in VERBS.items()]
        print("\n".join(["unet-lightning VERB FILES… key=value…\n", *lines, "\nMore: unet-lightning VERB --help"]))
        sys.exit(0 if verb else 2)
    if verb not in VERBS:
        refuse(f"{verb} is not a verb; {nearest(verb, VERBS)}")
    if verb == "train":
        sys.argv = ["unet-lightning train", *rest]
        train()
        return
    try:
        code = import_module(f"unet_lightning.{verb.replace('-', '_')}").main(rest)
    except InputError as error:
        refuse(str(error))
    sys.exit(code)


def train() -> None:
    """What `python train.py …` and `unet-lightning train …` do."""
    arguments = sys.argv[1:]
    if {"-h", "--help"} & set(arguments):
        print(help_text(f"python {sys.argv[0]}" if sys.argv[0].endswith(".py") else sys.argv[0]))
        return
    register()
    sweep.register(sweep.Grid)
    sweep.register(search.Tpe)
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come here instead of being printed by Hydra
    try:
        check_overrides([a for a in arguments if _is_override(a)], *_preset_folders(arguments))
        if outside():
            _join(arguments)
        _compose_and_train()
    except InputError as error:
        refuse(str(error))
    except (HydraException, OmegaConfBaseException) as error:
        refuse(explain(error))
    except OSError as error:  # before the run has a folder that can be written
        refuse(f"{error.filename or 'outputs'}: {error.strerror}; start in a folder you can write, with space left")


def _join(arguments: list[str]) -> None:
    """Under torchrun and srun every process composes the same config; the first one alone writes a log."""
    if {"-m", "--multirun"} & set(arguments):
        refuse("-m starts the processes of each trial itself (trainer.devices=2); start it without torchrun or srun")
    if not any(argument.startswith("run=") for argument in arguments):
        refuse("give the run a name, so that all its processes meet in one folder: run=…")
    if rank():
        sys.argv += ["hydra/job_logging=disabled", "hydra/hydra_logging=none"]


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="train")
def _compose_and_train(config: DictConfig) -> float:
    with Stop():  # from here on: what follows takes seconds
        try:
            from unet_lightning import run  # torch and lightning only once the config stands
        except Interrupted as interrupted:
            requeue(interrupted.signum)
            raise
    hydra_config = HydraConfig.get()
    folder, overrides = Path(hydra_config.runtime.output_dir), [o for o in hydra_config.overrides.task if not steers(o)]
    choices = {key: name for key, name in hydra_config.runtime.choices.items() if key in config and not steers(key)}
    if hydra_config.mode == RunMode.MULTIRUN:
        return trial.run(config, folder, overrides, choices)
    try:
        return trial.score(run.train(config, folder, overrides, choices))
    except InputError as error:
        refuse(str(error))


def refuse(message: str) -> NoReturn:
    """Print what is wrong and exit with 2."""
    print(f"error: {message}", file=sys.stderr)
    sys.exit(2)


def _is_override(argument: str) -> bool:
    return not argument.startswith("-") and ("=" in argument or argument.startswith("~"))


def _preset_folders(arguments: list[str]) -> list[Path]:
    """The folder given by -cd or --config-dir, and those that the preset searches: the groups in them count as well."""
    after = dict(pairwise(arguments))
    given = [Path(after[flag]) for flag in ("-cd", "--config-dir") if flag in after]
    name = after.get("-cn", after.get("--config-name", "train")).removesuffix(".yaml")
    presets = [OmegaConf.load(path) for folder in given if (path := folder / f"{name}.yaml").is_file()]
    searched = [str(place) for one in presets for place in OmegaConf.select(one, "hydra.searchpath") or ()]
    return given + [Path(place.removeprefix("file://")) for place in searched if place.startswith("file://")]


def help_text(program: str) -> str:
    """Every key and its options in a line, read from the comments of conf/."""
    lines = [USAGE.format(program=program), "Parts (key=name):"]
    for group, names in groups().items():
        lines.append(f"  {group}=")
        lines += [f"    {name:<12} {_first_comment(CONF / group / f'{name}.yaml')}" for name in names]
    lines.append("\nValues (key=value), with their defaults:")
    lines += [f"  {line}" for line in _values(CONF / "train.yaml", "")]
    for group, names in groups().items():
        for name in names:
            values = list(_values(CONF / group / f"{name}.yaml", f"{group}."))
            lines += [f"  with {group}={name}:"] if values else []
            lines += [f"    {line}" for line in values]
    return "\n".join(lines)


def _first_comment(path: Path) -> str:
    first = next(line for line in path.read_text().splitlines() if not line.startswith("# @"))
    return first.removeprefix("# ") if first.startswith("#") else ""


def _values(path: Path, prefix: str) -> Iterator[str]:
    """`key=default  comment` of every line of a yaml file that carries a comment; the rest is wiring."""
    parents: list[str] = []
    text = path.read_text()
    prefix = "" if text.startswith("# @package _global_") else prefix
    for line in text.splitlines():
        match = re.match(r"^( *)(\w+):\s*([^#]*?)\s*(?:#\s(.*))?$", line)
        if match:
            indent, key, value, comment = match.groups()
            parents = [*parents[: len(indent) // 2], key]
            if comment:
                yield f"{prefix}{'.'.join(parents)}={value}".ljust(38) + f" {comment}"
