"""A checkpoint's config with overrides composed over it."""

from collections.abc import Mapping
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from unet_lightning.config.compose import compose
from unet_lightning.config.groups import CONF, groups
from unet_lightning.config.overrides import check_overrides
from unet_lightning.config.plain import containers
from unet_lightning.error import InputError, nearest

TRAINED = ("model", "upsample", "fusion", "normalize", "loss", "weight", "augment", "optimizer", "schedule")


def compose_over_checkpoint(plain: Mapping[str, Any], overrides: list[str], extra: str = "") -> DictConfig:
    """A checkpoint's config with overrides composed over it; InputError where they would change what was trained.

    extra: a yaml of conf/ with the keys that a verb adds.
    """
    added = OmegaConf.load(CONF / f"{extra}.yaml") if extra else OmegaConf.create()
    defaults = {key: node for key, node in containers(compose(), resolve=False).items() if key not in plain}
    config = OmegaConf.create({**defaults, **plain, **containers(added, resolve=False)})
    check_overrides(overrides, keys=[str(key) for key in added])
    for override in OverridesParser.create().parse_overrides(overrides):
        key, value = override.key_or_group, override.value()
        if key.split(".")[0].split("@")[0] in TRAINED:
            raise InputError(f"{override.input_line}: training fixed {key}; leave it out, or train with it")
        if override.is_sweep_override() or override.is_delete() or "@" in key:
            raise InputError(f"{override.input_line}: expected key=value")
        if key in groups():
            chosen = compose([f"{key}={value}"])[key]
            config[key] = containers(chosen, resolve=False) | _pipeline(plain, key)
        else:
            _set(config, override, value)
    return config


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
