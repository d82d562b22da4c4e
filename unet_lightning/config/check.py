"""Every value of a config held against the signature of the part that takes it, before anything is built."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from omegaconf import DictConfig

from unet_lightning.config import signature
from unet_lightning.config.instantiate import locate
from unet_lightning.config.plain import plain_config
from unet_lightning.config.schema import Loading, Sampling
from unet_lightning.error import InputError
from unet_lightning.record import assign_splits

SPLITTING = tuple(p.name for p in inspect.signature(assign_splits).parameters.values() if p.kind is p.KEYWORD_ONLY)
OPTIONS: dict[Callable[..., Any], tuple[str, ...]] = {  # what takes the keys of data that belong to no data set
    Sampling: tuple(field.name for field in fields(Sampling)),
    Loading: tuple(field.name for field in fields(Loading)),
    assign_splits: SPLITTING,
}
SHARED = (*(name for names in OPTIONS.values() for name in names), "background", "changed")


def resolve(config: DictConfig) -> dict[str, Any]:
    """A composed config as plain containers, checked: what everything else is handed. InputError as `check` raises."""
    plain = plain_config(config)
    check(plain)
    return plain


def check(plain: Mapping[str, Any]) -> None:
    """InputError with every key of the config that its part doesn't know, whose value is out of range, or missing."""
    found = []
    for target, names in OPTIONS.items():
        found += signature.findings(target, {name: plain["data"][name] for name in names}, "data")
    found += findings({k: v for k, v in plain["data"].items() if k not in SHARED}, "data")
    for key, node in plain.items():
        if key != "data":
            found += findings(node, key)
    changed = plain["data"].get("changed", "refuse")  # a run of before has none
    background, ema, resume, seed = plain["data"]["background"], plain["ema"], plain["resume"], plain["seed"]
    rules = (
        (0 <= seed < 2**32, f"seed={seed}: expected 0 to {2**32 - 1}"),
        (isinstance(background, bool), f"data.background={background}: expected true or false"),
        (changed in ("refuse", "accept"), f"data.changed={changed}: expected refuse or accept"),
        (0 <= ema < 1, f"ema={ema}: expected at least 0 and below 1"),
        (resume in ("auto", "never"), f"resume={resume}: expected auto or never"),
    )
    found += tile_findings(plain["tile"]) + [finding for holds, finding in rules if not holds]
    if found:
        raise InputError("\n".join(dict.fromkeys(found)))


def tile_findings(tile: Any) -> list[str]:
    """A sentence for a tile whose side is no whole number of pixels, or out of range."""
    return [] if isinstance(tile, int) and 1 <= tile <= 2**20 else [f"tile={tile}: expected 1 to {2**20}"]


def findings(node: Any, key: str) -> list[str]:
    """A sentence for everything that the parts below a node don't know, or whose value is wrong."""
    if not isinstance(node, Mapping):
        return [f"{key} is missing: set {key}=…"] if node == "???" else []
    found = []
    if "_target_" in node:
        arguments = {k: v for k, v in node.items() if not k.startswith("_") and v != "???"}
        if arguments.get("precision") == "auto":  # ours, not Lightning's
            del arguments["precision"]
        found += signature.findings(locate(node["_target_"], key), arguments, key)
    return found + [line for name, child in node.items() for line in findings(child, f"{key}.{name}")]
