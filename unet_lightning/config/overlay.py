"""A checkpoint's config with overrides composed over it."""

from collections.abc import Mapping, Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from unet_lightning.config.compose import compose
from unet_lightning.config.explain import explain
from unet_lightning.config.groups import CONF, groups
from unet_lightning.config.overrides import check_overrides
from unet_lightning.config.plain import NEUTRAL, containers
from unet_lightning.config.quote import quote_paths
from unet_lightning.config.schema import Loading, Sampling, fields_of
from unet_lightning.error import InputError, nearest, shown

TRAINED = (
    *("model", "upsample", "fusion", "normalize", "loss", "weight", "augment", "optimizer", "schedule"),
    *("init", "init_lr", "freeze"),
)
MACHINE = ("trainer.accelerator", "trainer.precision")
PREDICTION = ("tile", "tiling", "tta", "postprocess", *MACHINE, "average", "temperature")
SIZES = ("data.pixel_size", "data.unit")  # of pixels of images
USED = {  # the keys that a verb reads of a checkpoint's config; of data those that find images and divide them
    "predict": (*PREDICTION, "data.channels", "data.axes", *SIZES),
    "export": ("tile", "tiling", "tta", "postprocess", "average", "temperature", *SIZES),
    "evaluate": (*PREDICTION, "data", "seed", "split", "tolerance", "resamples", "worst"),
    "tune": ("tile", "tiling", "tta", *MACHINE, "data", "seed"),
    "ensemble": ("tile", "tiling", "tta", *MACHINE, "average", "data", "tolerance", "resamples"),
}
UNUSED = {*fields_of(Sampling), *fields_of(Loading)} - {"ridge"} | {"resample"}  # keys of data
UNSTATED = {"pixel_size": None, "unit": "um"}  # training's aren't those of other images


def compose_over_checkpoint(
    plain: Mapping[str, Any], overrides: Sequence[str], verb: str = "predict", fixed: Sequence[str] = ()
) -> DictConfig:
    """A checkpoint's config with overrides composed over it; InputError for those that `verb` doesn't use, or that
    would change what was trained.

    fixed: overrides of the verb itself.
    """
    files = ["predict.yaml", "evaluate.yaml"] if "data" in USED[verb] else ["predict.yaml"]
    added = {key: value for name in files for key, value in containers(OmegaConf.load(CONF / name)).items()}
    plain = {**plain, "data": {**plain["data"], **UNSTATED}} if verb in ("predict", "export") else plain
    config = OmegaConf.create({"tiling": NEUTRAL["tiling"], **plain, **added})
    typed = quote_paths(overrides)
    check_overrides(typed, keys=list(added))
    check_used(typed, verb)
    parsed = OverridesParser.create().parse_overrides([*typed, *fixed])
    for override in sorted(parsed, key=lambda one: one.key_or_group not in groups()):  # parts first, then their keys
        key, value = override.key_or_group, override.value()
        if key in groups():
            chosen = compose([f"{key}={value}"])[key]
            config[key] = containers(chosen, resolve=False) | _pipeline(plain, key)
        else:
            _set(config, override, value, added=key in USED[verb])
    before, now = plain["data"], config.data
    if "data" in USED[verb] and before.get("resample") is not None and now.get("unit") != before.get("unit"):
        said = f"data.unit={now.get('unit')}: training resampled in {before.get('unit')}"
        raise InputError(f"{said}; give data.pixel_size in that unit, with data.unit={before.get('unit')}")
    return config


def check_used(overrides: Sequence[str], verb: str) -> None:
    """InputError for an override that is no plain key=value, or whose key was fixed by training or isn't used."""
    for override in OverridesParser.create().parse_overrides(list(overrides)):
        key, line = override.key_or_group, shown(override.input_line, 200)
        if key.split(".")[0].split("@")[0] in TRAINED:
            raise InputError(f"{line}: training fixed {key}; leave it out, or train with it")
        if override.is_sweep_override() or override.is_delete() or "@" in key:
            raise InputError(f"{line}: expected key=value")
        known = any(f"{key}.".startswith(f"{used}.") for used in USED[verb])
        if not known or (key.startswith("data.") and key.split(".")[1] in UNUSED):
            raise InputError(f"{line}: {verb} doesn't use {key}; it uses {', '.join(USED[verb])}")


def _pipeline(plain: Mapping[str, Any], key: str) -> dict[str, Any]:
    """What belongs to the pipeline and not to one data set stays as it was."""
    names = OmegaConf.load(CONF / "train.yaml").data if key == "data" else ()
    return {name: plain[key][name] for name in names if name in plain[key] and name not in UNSTATED}


def _set(config: DictConfig, override: Override, value: Any, added: bool) -> None:
    """added: the key may be one that the checkpoint's config lacks."""
    parent, _, name = override.key_or_group.rpartition(".")
    line = shown(override.input_line, 200)
    try:
        node = OmegaConf.select(config, parent) if parent else config
        if not OmegaConf.is_dict(node):
            raise InputError(f"{line}: the checkpoint's config has no {parent}")
        if name not in node.keys() and not (added or override.is_add()):  # noqa: SIM118, where a missing value counts
            names = [str(key) for key in node]
            raise InputError(f"{line}: {override.key_or_group} is not a key; {nearest(name, names)}")
        node[name] = value
    except OmegaConfBaseException as error:
        raise InputError(f"{line}: {explain(error)}") from None
