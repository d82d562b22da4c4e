"""A config as plain containers: resolved, hashed, written and read back."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from unet_lightning.config.overrides import STEERING
from unet_lightning.config.safe_yaml import load_mapping
from unet_lightning.error import InputError
from unet_lightning.runtime.files import write_atomic

NOT_HASHED = (  # keys that don't influence the results: a run may be resumed with other values; logger's are more
    *("run", "resume", "tags", "trainer.enable_progress_bar"),
    *("trainer.callbacks.resume.minutes", "data.num_workers", "data.cache_gb", "data.cache_dir", "data.changed"),
)

NEUTRAL: dict[str, Any] = {  # later keys: the value that does what was done before counts as no key
    "plan._target_": "unet_lightning.plan.none.NoPlan",
    "plan.patience": None,
    "target._target_": "unet_lightning.target.classes.Classes",
    "tiling": "overlap",
    "init": None,
    "init_lr": 1.0,
    "freeze": [],
    "tune": False,
    "data.pixel_size": None,
    "data.unit": "um",
    "data.resample": None,
    "data.steps": None,
    "data.min_steps": 1,
    "data.foreground_by": "crop",
    "data.augment_on": "loader",
    "augment.border": "mirror",
    "augment.intensity": {},
    "schedule.every": 1,
    "tta.average": "probabilities",
    "trainer.callbacks.deadline._target_": "unet_lightning.callback.deadline.Deadline",
    "trainer.callbacks.deadline.minutes": None,
    "trainer.callbacks.deadline.reserve": 5.0,
    "trainer.callbacks.deadline.patience": None,
}
WRITTEN = {"data", "model", "trainer", "resume"}  # keys that no config of a run lacks


def plain_config(config: DictConfig) -> dict[str, Any]:
    """Resolved built-in containers of what is trained: without Hydra's own node and the keys that steer a sweep."""
    return containers(OmegaConf.masked_copy(config, [str(key) for key in config if key not in ("hydra", *STEERING)]))


def containers(config: Any, resolve: bool = True) -> dict[str, Any]:
    """A config node as built-in containers, its interpolations resolved or as they stand."""
    plain = OmegaConf.to_container(config, resolve=resolve)
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}


def config_hash(plain: Mapping[str, Any]) -> str:
    """12 hex digits, a hash of all values of a resolved config that influence the results."""
    return hashlib.sha256(json.dumps(deciding(plain), sort_keys=True).encode()).hexdigest()[:12]


def deciding(plain: Mapping[str, Any]) -> dict[str, Any]:
    """All values that influence the results, by dotted names, without those that a config of before hadn't either."""
    found = {
        key: value for key, value in flat(plain).items() if key not in NOT_HASHED and key.split(".")[0] != "logger"
    }
    return {key: value for key, value in found.items() if key not in NEUTRAL or value != NEUTRAL[key]}


def flat(node: Any, prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one with dotted names; lists stay."""
    if not isinstance(node, Mapping) or not node:
        return {prefix: node}
    found: dict[str, Any] = {}
    for key, child in node.items():
        found |= flat(child, f"{prefix}.{key}" if prefix else str(key))
    return found


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Keys that influence the results and whose values differ, with both values."""
    one, other = deciding(before), deciding(now)
    pairs = {key: tuple(some.get(key, NEUTRAL.get(key)) for some in (one, other)) for key in {**one, **other}}
    return {key: (old, new) for key, (old, new) in pairs.items() if old != new}


def as_yaml(plain: Mapping[str, Any]) -> str:
    """A plain config as yaml."""
    return OmegaConf.to_yaml(OmegaConf.create(dict(plain)))


def write_config(plain: Mapping[str, Any], path: Path) -> None:
    """Write a plain config as yaml."""
    write_atomic(path, as_yaml(plain).encode())


def read_config(path: Path) -> dict[str, Any]:
    """What `write_config` wrote; InputError for anything else."""
    try:
        plain = plain_config(load_mapping(path))
        if WRITTEN - plain.keys():
            raise ValueError("it lacks keys")
    except (ValueError, OmegaConfBaseException) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path}: not the config of a run ({reason}); put it back, or begin another: run=…") from None
    return plain
