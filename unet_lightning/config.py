"""Composition: where the yaml lies, the types of its keys, and errors that name the nearest right word."""

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, ValueType
from hydra.errors import HydraException
from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from unet_lightning.error import InputError, nearest

PACKAGE = Path(__file__).parent
CONF = PACKAGE / "conf" if (PACKAGE / "conf").is_dir() else PACKAGE.parent / "conf"

TRAINED = ("model", "upsample", "fusion", "normalize", "loss", "weight", "augment", "optimizer", "schedule")
STEERING = ("launch", "search", "retry")  # keys that steer a sweep and change nothing in a trial
EXTRAS = {"hydra/launcher/joblib": "launch", "hydra/launcher/submitit_slurm": "launch", "hydra/launcher/ray": "ray"}


class Retry(Enum):
    """Which trials of an earlier start are run once more."""

    none = "none"
    failed = "failed"


@dataclass
class Config:
    """Types and no values; the values are in conf/train.yaml."""

    run: str | None = MISSING
    resume: str = MISSING
    seed: int = MISSING
    tile: int = MISSING
    compile: bool = MISSING
    ema: float = MISSING
    tags: list[str] = MISSING
    data: Any = MISSING
    normalize: Any = MISSING
    weight: Any = MISSING
    augment: Any = MISSING
    model: Any = MISSING
    upsample: Any = MISSING
    fusion: Any = MISSING
    loss: Any = MISSING
    postprocess: Any = MISSING
    tta: Any = MISSING
    optimizer: Any = MISSING
    schedule: Any = MISSING
    trainer: Any = MISSING
    launch: Any = MISSING
    search: Any = MISSING
    retry: Retry = MISSING


def register() -> None:
    """Make the schema known to Hydra under the name conf/train.yaml refers to."""
    ConfigStore.instance().store(name="schema", node=Config)


def folder_name(overrides: Sequence[str]) -> str:
    """Overrides as the name of one folder on any file system: swept ones first, without those that steer a sweep."""
    kept = sorted((o for o in overrides if not steers(o)), key=lambda override: ("," not in override, override))
    name = re.sub(r"[^\w.,=+@-]+", "_", ",".join(kept)) or "default"
    return name if len(name) <= 150 else f"{name[:140]}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"


OmegaConf.register_new_resolver("folder", folder_name, replace=True)  # here, for the processes that run trials


def steers(override: str) -> bool:
    """Whether an override steers a sweep, or Hydra, and changes nothing in a trial."""
    key = override.partition("=")[0].lstrip("+~")
    return re.split(r"[./@]", key)[0] in ("hydra", *STEERING)


def run_name(name: str | None, otherwise: str) -> str:
    """The folder of a run in outputs/: its name, which may lie in folders of its own."""
    if name is None:
        return otherwise
    if not re.fullmatch(r"[\w.,=+-]+(/[\w.,=+-]+)*", str(name)) or ".." in str(name).split("/"):
        raise InputError(f"run={name}: expected a name of letters, digits and -_.,=+, in folders by / if you like")
    return str(name)


OmegaConf.register_new_resolver("name", run_name, replace=True)


def compose(overrides: list[str] | None = None, name: str = "train") -> DictConfig:
    """The config that `python train.py OVERRIDES` would run; InputError where it would refuse."""
    overrides = overrides or []
    register()
    check_overrides(overrides)
    with initialize_config_dir(str(CONF), version_base="1.3"):
        try:
            return hydra_compose(name, overrides)
        except (HydraException, OmegaConfBaseException) as error:
            raise InputError(explain(error)) from None


def over(plain: Mapping[str, Any], overrides: list[str], extra: str = "") -> DictConfig:
    """A checkpoint's config with overrides composed over it; InputError where they would change what was trained.

    extra: a yaml of conf/ with the keys that a verb adds.
    """
    added = OmegaConf.load(CONF / f"{extra}.yaml") if extra else OmegaConf.create()
    defaults = {key: node for key, node in _unresolved(compose()).items() if key not in plain}
    config = OmegaConf.create({**defaults, **plain, **_unresolved(added)})
    check_overrides(overrides, keys=[str(key) for key in added])
    for override in OverridesParser.create().parse_overrides(overrides):
        key, value = override.key_or_group, override.value()
        if key.split(".")[0].split("@")[0] in TRAINED:
            raise InputError(f"{override.input_line}: training fixed {key}; leave it out, or train with it")
        if override.is_sweep_override() or override.is_delete() or "@" in key:
            raise InputError(f"{override.input_line}: expected key=value")
        if key in groups():
            config[key] = _unresolved(compose([f"{key}={value}"])[key]) | _pipeline(plain, key)
        else:
            _set(config, override, value)
    return config


def _unresolved(config: Any) -> dict[str, Any]:
    found = OmegaConf.to_container(config, resolve=False)
    assert isinstance(found, dict)
    return {str(key): value for key, value in found.items()}


def _pipeline(plain: Mapping[str, Any], key: str) -> dict[str, Any]:
    """What belongs to the pipeline and not to one data set stays as it was."""
    names = OmegaConf.load(CONF / "train.yaml").data if key == "data" else ()
    return {name: plain[key][name] for name in names if name in plain[key]}


def _set(config: DictConfig, override: Override, value: Any) -> None:
    parent, _, name = override.key_or_group.rpartition(".")
    node = OmegaConf.select(config, parent) if parent else config
    if not OmegaConf.is_dict(node):
        raise InputError(f"{override.input_line}: the checkpoint's config has no {parent}")
    if name not in node and not override.is_add():
        names = [str(key) for key in node]
        raise InputError(f"{override.input_line}: {override.key_or_group} is not a key; {nearest(name, names)}")
    node[name] = value


def groups(*folders: Path) -> dict[str, list[str]]:
    """Every key that chooses a file, and the names of its files."""
    found: dict[str, set[str]] = {}
    for folder in (CONF, *folders):
        for path in folder.glob("*/*.yaml"):
            found.setdefault(path.parent.name, set()).add(path.stem)
    return {group: sorted(names) for group, names in sorted(found.items())}


def check_overrides(overrides: list[str], *folders: Path, keys: Collection[str] = ()) -> None:
    """Refuse what Hydra would misread: unknown keys, unknown files of a group, a list where one name belongs.

    keys: those known beside the schema's.
    """
    known = groups(*folders)
    try:
        parsed = OverridesParser.create().parse_overrides(overrides)
    except HydraException as error:
        raise InputError(f"{str(error).splitlines()[0]}; quote values with brackets or spaces: 'key=[a,b]'") from None
    for override in parsed:
        _check_override(override, known, keys)


def _check_override(override: Override, known: dict[str, list[str]], more: Collection[str]) -> None:
    key = override.key_or_group
    if key == "hydra" or key.startswith(("hydra.", "hydra/")):
        return
    top = key.split(".")[0].split("/")[0].split("@")[0]
    keys = known.keys() | Config.__dataclass_fields__.keys() | set(more)
    if top not in keys:
        raise InputError(f"{override.input_line}: {top} is not a key; {nearest(top, keys)}")
    if key not in known or override.is_delete():
        return
    if override.value_type is ValueType.GLOB_CHOICE_SWEEP:
        return
    if override.is_sweep_override():
        assert override.input_line is not None
        names = [str(name) for name in override.sweep_string_iterator()]
    else:
        names = [override.value()]  # type: ignore[list-item]
    for name in names:
        if not isinstance(name, str):
            shown = ",".join(map(str, name)) if isinstance(name, list) else str(name)
            raise InputError(f"{override.input_line}: {key} takes one name; to try several: -m {key}={shown}")
        if name not in known[key]:
            raise InputError(f"{key}={name}: no such {key}; {nearest(name, known[key])}")


def explain(error: BaseException) -> str:
    """A sentence or two for what Hydra or OmegaConf found wrong with an override."""
    cause = error.__cause__ if isinstance(error.__cause__, OmegaConfBaseException) else error
    if isinstance(cause, OmegaConfBaseException) and cause.full_key:
        parent, key = cause.parent_node, str(cause.full_key)
        if OmegaConf.is_dict(parent) and str(cause.key) not in parent:
            names = [str(name) for name in parent]
            return f"{key} is not a key; {nearest(str(cause.key), names)}"
        if unset := re.search(r"Environment variable '(\w+)' not found", str(cause)):
            return f"{key}: the environment variable {unset[1]} isn't set; export {unset[1]}=…, or set {key}"
        return f"{key}: {str(cause).splitlines()[0]}"
    message = str(error).splitlines()[0] if str(error) else type(error).__name__
    missing = next((part for part in EXTRAS if f"'{part}'" in message), None)
    if missing:
        return f"{missing} is not installed: pip install 'unet-lightning[{EXTRAS[missing]}]'"
    if message.startswith("Ambiguous value"):
        message += "; to try several values, put -m before the overrides"
    return message
