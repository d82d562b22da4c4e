"""Every value of a config held against the signature of the part that takes it, before anything is built."""

import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import isfinite
from typing import Any

from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from unet_lightning.config import signature
from unet_lightning.config.explain import explain
from unet_lightning.config.instantiate import locate
from unet_lightning.config.overrides import STEERING
from unet_lightning.config.plain import plain_config
from unet_lightning.config.ranges import logger_findings, trainer_findings
from unet_lightning.config.schema import (
    Config,
    Loading,
    Machine,
    Probabilities,
    Reading,
    Sampling,
    Scale,
    Scoring,
    fields_of,
)
from unet_lightning.error import InputError, shown
from unet_lightning.record import assign_splits
from unet_lightning.tiling.grid import GRIDS

SPLITTING = tuple(p.name for p in inspect.signature(assign_splits).parameters.values() if p.kind is p.KEYWORD_ONLY)
OPTIONS: dict[Callable[..., Any], tuple[str, ...]] = {  # what takes the keys of data that belong to no data set
    Sampling: fields_of(Sampling),
    Loading: fields_of(Loading),
    Scale: fields_of(Scale),
    assign_splits: SPLITTING,
}
KEYS = tuple(name for name in fields_of(Config) if name not in STEERING)
VALUES = (  # the other keys are parts
    *("run", "resume", "seed", "init", "init_lr", "freeze", "tile", "tiling", "compile", "ema", "tune", "tags"),
)
RESAMPLED = "tune: data.resample trains on pixels of another size; set tune=false, and unet-lightning tune after"
SHARED = (*(name for names in OPTIONS.values() for name in names), "background", "changed")


def resolve(config: DictConfig) -> dict[str, Any]:
    """A composed config as plain containers, checked: what everything else is handed. InputError as `check` raises."""
    plain = resolve_plain(config)
    check(plain)
    return plain


def resolve_plain(config: DictConfig) -> dict[str, Any]:
    """A composed config as plain containers; InputError for an interpolation that leads nowhere."""
    try:
        return plain_config(config)
    except OmegaConfBaseException as error:
        raise InputError(explain(error)) from None


def check(plain: Mapping[str, Any]) -> None:
    """InputError with every key of the config that its part doesn't know, whose value is out of range, or missing."""
    found = missing_findings(plain)
    if not found:
        found = data_findings(plain) + trainer_findings(plain["trainer"]) + logger_findings(plain["logger"])
        for key, node in plain.items():
            if key != "data":
                found += (foreign_findings(node) if key == "model" else []) or findings(node, key)
        ema, resume, compiled = (plain[key] for key in ("ema", "resume", "compile"))
        changed = plain["data"].get("changed", "refuse")  # a run of before has none
        parts = [plain["freeze"]] if isinstance(plain["freeze"], str) else plain["freeze"]
        named = isinstance(parts, list) and all(isinstance(part, str) and part for part in parts)
        rules = (
            (named, f"freeze={shown(plain['freeze'])}: expected a part of the network, such as encoder, or a list"),
            (0 < plain["init_lr"] <= 1, f"init_lr={plain['init_lr']}: expected a share above 0.0 up to 1.0"),
            (plain["init"] is not None or plain["init_lr"] == 1, "init_lr: nothing is taken over; set init=best.ckpt"),
            (changed in ("refuse", "accept"), f"data.changed={changed}: expected refuse or accept"),
            (0 <= ema < 1, f"ema={ema}: expected at least 0 and below 1"),
            (resume in ("auto", "never"), f"resume={resume}: expected auto or never"),
            (compiled in (True, False, "auto"), f"compile={shown(compiled)}: expected true, false or auto"),
        )
        found += tile_findings(plain) + target_findings(plain) + device_findings(plain) + tune_findings(plain)
        found += [finding for holds, finding in rules if not holds]
        found = [line for line in found if line.removeprefix("model.") not in found or not line.startswith("model.")]
    if found:
        raise InputError("\n".join(first_of_each(found)))


def tune_findings(plain: Mapping[str, Any]) -> list[str]:
    """What is wrong with the choice of the post-processing at the end of a run."""
    tune = plain["tune"]
    if tune not in (True, False, "views"):
        return [f"tune={shown(tune)}: expected true, false or views"]
    return [RESAMPLED] if tune and plain["data"].get("resample") is not None else []


def check_prediction(plain: Mapping[str, Any], overrides: Sequence[str]) -> None:
    """InputError for what is wrong with the keys that a checkpoint predicts by, and is scored by where it is.

    overrides: those typed; of the keys of trainer and data these alone are checked, as training may have used others.
    """
    found = tile_findings(plain) + target_findings(plain)
    for key in ("postprocess", "tta"):
        found += findings(plain[key], key) if is_part(plain[key]) else [f"{key}={shown(plain[key])}: expected a part"]
    typed = {override.partition("=")[0].lstrip("+") for override in overrides}
    for key, kind in (("trainer", Machine), ("data", Reading)):
        chosen = {name: plain[key][name] for name in fields_of(kind) if f"{key}.{name}" in typed}
        found += signature.findings(kind, chosen, key)
    for own in (Probabilities, *([Scoring] if "split" in plain else [])):
        values = {name: plain[name] for name in fields_of(own)}
        found += [line.removeprefix(".") for line in signature.findings(own, values, "")]
    if "split" in plain:
        found += data_findings(plain, [assign_splits])
    if found:
        raise InputError("\n".join(first_of_each(found)))


def target_findings(plain: Mapping[str, Any]) -> list[str]:
    """A sentence where a network learned rims and the post-processing knows none, or the other way round."""
    learned, known = (
        is_part(plain.get(key)) and str(plain[key]["_target_"]).endswith(name)
        for key, name in (("target", ".Boundary"), ("postprocess", ".Rims"))
    )
    if learned and known:
        width, reach = (plain[key].get(name) for key, name in (("target", "width"), ("postprocess", "reach")))
        if not (isinstance(width, int) and isinstance(reach, int)) or reach >= width:  # their parts check the types
            return []
        return [f"postprocess.reach={reach}: rims are target.width={width} pixels wide; set postprocess.reach={width}"]
    if learned == known:
        return []
    if learned:
        return ["target=boundary with a post-processing that knows no rims; set postprocess=rims"]
    return ["postprocess=rims for a network that learned none; set postprocess=components, or train target=boundary"]


def missing_findings(plain: Mapping[str, Any]) -> list[str]:
    """A sentence for every key that a run needs and the config lacks, or that holds no part where one belongs."""
    found = [f"{key} is missing: leave ~{key} out" for key in KEYS if key not in plain]
    for key in (key for key in KEYS if key in plain and key not in (*VALUES, "logger")):
        if not is_part(plain[key]):
            found.append(f"{key}={shown(plain[key])}: expected a part; choose one of conf/{key} by {key}=NAME")
    return found


def data_findings(plain: Mapping[str, Any], options: Iterable[Callable[..., Any]] = OPTIONS) -> list[str]:
    """A sentence for everything that is wrong with the keys that find, divide, sample and read a data set.

    options: what takes those keys of data that belong to no data set; all of them, or those that a verb uses.
    """
    data, found = plain["data"], []
    for target in options:
        names = OPTIONS[target]
        found += [f"data.{name} is missing: leave ~data.{name} out" for name in names if name not in data]
        found += signature.findings(target, {name: data[name] for name in names if name in data}, "data")
    found += findings({k: v for k, v in data.items() if k not in SHARED}, "data")
    if not isinstance(data.get("background"), bool):
        found.append(f"data.background={shown(data.get('background'))}: expected true or false")
    seed = plain["seed"]
    if type(seed) is not int or not 0 <= seed < 2**32:
        found.append(f"seed={shown(seed)}: expected 0 to {2**32 - 1}")
    return found


def tile_findings(plain: Mapping[str, Any]) -> list[str]:
    """A sentence for a tile whose sides are no whole numbers of pixels or out of range, and for an unknown tiling."""
    tile, tiling = plain["tile"], plain["tiling"]
    sides = tile if isinstance(tile, list) and len(tile) == 2 else [tile]
    found = []
    if not all(type(side) is int and 1 <= side <= 2**20 for side in sides):
        found.append(f"tile={shown(tile)}: expected 1 to {2**20}, or two such numbers: [height,width]")
    if tiling not in tuple(GRIDS):  # which a list may be asked of
        found.append(f"tiling={shown(tiling)}: expected {' or '.join(GRIDS)}")
    return found


def device_findings(plain: Mapping[str, Any]) -> list[str]:
    """A sentence where the device is to augment by transforms that only the loader can do."""
    if plain["data"].get("augment_on") != "device":
        return []
    used = [f"augment.{key}" for key in ("spatial", "photometric") if plain["augment"].get(key)]
    return [
        f"data.augment_on=device: {' and '.join(used)} hold transforms of albumentations, which only the loader runs; "
        "set data.augment_on=loader, or choose an augmentation without them such as augment=elastic"
    ] * bool(used)


def first_of_each(found: Iterable[str]) -> list[str]:
    """Sentences without those about a key, or what it holds, of which another speaks already."""
    kept: dict[str, str] = {}
    for line in found:
        names = re.split(r"[=: ]", line, maxsplit=1)[0].split(".")
        if not any(".".join(names[:k]) in kept for k in range(1, len(names) + 1)):
            kept[".".join(names)] = line
    return list(kept.values())


def special_findings(node: Mapping[str, Any], key: str) -> list[str]:
    """A sentence for every key that says how a part is built whose value can't say that."""
    kinds = {"_target_": (str, "a class"), "_partial_": (bool, "true or false"), "_args_": (list, "a list")}
    return [
        f"{key}.{name}={shown(node[name])}: expected {what}"
        for name, (kind, what) in kinds.items()
        if name in node and not isinstance(node[name], kind)
    ]


def is_part(node: Any) -> bool:
    """Whether a config value names what is built of it."""
    return isinstance(node, Mapping) and isinstance(node.get("_target_"), str)


def foreign_findings(model: Mapping[str, Any]) -> list[str]:
    """A sentence for a network that can't say what is asked of it, in place of one for each key it doesn't know."""
    target = model["_target_"]
    found: Any = locate(target, "model")
    kind = found if inspect.isclass(found) else getattr(found, "__annotations__", {}).get("return", found)
    if not inspect.isclass(kind) or all(hasattr(kind, name) for name in ("interior", "logits_by_level")):
        return []
    return [
        f"model._target_={shown(target)}: it lacks what unet_lightning/model/network.py asks of a network; "
        f"model=any model.network._target_={shown(target)} measures it"
    ]


def findings(node: Any, key: str) -> list[str]:
    """A sentence for everything that the parts below a node don't know, or whose value is wrong."""
    if not isinstance(node, Mapping):
        if isinstance(node, list):
            return [line for k, child in enumerate(node) for line in findings(child, f"{key}.{k}")]
        if isinstance(node, float) and not isfinite(node):
            return [f"{key}={node}: expected a finite number"]
        return [f"{key} is missing: set {key}=…"] if node == "???" else []
    if node.get("_target_") == "???":
        return [f"{key}._target_ is missing: set {key}._target_=PACKAGE.CLASS"]
    found = special_findings(node, key)
    if "_target_" in node and not found:
        arguments = {k: v for k, v in node.items() if not str(k).startswith("_") and v != "???"}
        if arguments.get("precision") == "auto":  # ours, not Lightning's
            del arguments["precision"]
        found += signature.findings(locate(node["_target_"], key), arguments, key)
    return found + [line for name, child in node.items() for line in findings(child, f"{key}.{name}")]
