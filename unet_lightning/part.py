"""From a config node to the part it describes: checked against the part's signature first, then built."""

import hashlib
import inspect
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import get_object, instantiate
from lightning.fabric.utilities.exceptions import MisconfigurationException
from omegaconf import DictConfig, OmegaConf

from unet_lightning import signature
from unet_lightning.config import STEERING
from unet_lightning.error import InputError
from unet_lightning.pipeline.module import DataModule
from unet_lightning.record import assign_splits
from unet_lightning.strategy import write_whole

FREE = (  # say where and how, not what: a run may go on with others
    *("run", "resume", "tags", "trainer.enable_progress_bar"),
    *("trainer.callbacks.resume.minutes", "data.num_workers", "data.cache_gb"),
)
PIPELINE = tuple(p.name for p in inspect.signature(DataModule).parameters.values() if p.kind is p.KEYWORD_ONLY)
SPLITTING = tuple(p.name for p in inspect.signature(assign_splits).parameters.values() if p.kind is p.KEYWORD_ONLY)
SHARED = (*PIPELINE, *SPLITTING, "background")  # keys of data that belong to no data set


def make(node: Mapping[str, Any], **arguments: Any) -> Any:
    """What a config node describes; InputError with the reason where its part refuses the values."""
    try:
        return instantiate(node, **arguments, _convert_="all")
    except InstantiationException as error:
        cause = error.__cause__
        if isinstance(cause, InputError):
            raise cause from None
        if isinstance(cause, ValueError | TypeError | MisconfigurationException):
            raise InputError(f"{node['_target_']}: {cause}") from None
        raise


def plain_config(config: DictConfig) -> dict[str, Any]:
    """Resolved built-in containers of what is trained: without Hydra's own node and the keys that steer a sweep."""
    trained = OmegaConf.masked_copy(config, [str(key) for key in config if key not in ("hydra", *STEERING)])
    plain = OmegaConf.to_container(trained, resolve=True, throw_on_missing=False)
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}


def config_hash(plain: Mapping[str, Any]) -> str:
    """12 hex digits of what in a resolved config decides the result."""
    deciding = {key: value for key, value in flat(plain).items() if key not in FREE}
    return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()[:12]


def flat(node: Any, prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one with dotted names; lists stay."""
    if not isinstance(node, Mapping) or not node:
        return {prefix: node}
    found: dict[str, Any] = {}
    for key, child in node.items():
        found |= flat(child, f"{prefix}.{key}" if prefix else str(key))
    return found


def write_config(plain: Mapping[str, Any], path: Path) -> None:
    """A plain config as yaml."""
    write_whole(path, OmegaConf.to_yaml(OmegaConf.create(dict(plain))).encode())


def read_config(path: Path) -> dict[str, Any]:
    """What `write_config` wrote."""
    return plain_config(OmegaConf.load(path))  # type: ignore[arg-type]


def check(plain: Mapping[str, Any]) -> None:
    """InputError with every key of the config that its part doesn't know, whose value is out of range, or missing."""
    found = signature.findings(DataModule, {k: plain["data"][k] for k in PIPELINE}, "data")
    found += signature.findings(assign_splits, {k: plain["data"][k] for k in SPLITTING}, "data")
    found += findings({k: v for k, v in plain["data"].items() if k not in SHARED}, "data")
    for key, node in plain.items():
        if key != "data":
            found += findings(node, key)
    for key, low, high in (("tile", 1, 2**20), ("seed", 0, 2**32 - 1)):
        if not low <= plain[key] <= high:
            found.append(f"{key}={plain[key]}: expected {low} to {high}")
    if not isinstance(plain["data"]["background"], bool):
        found.append(f"data.background={plain['data']['background']}: expected true or false")
    if not 0 <= plain["ema"] < 1:
        found.append(f"ema={plain['ema']}: expected at least 0 and below 1")
    if plain["resume"] not in ("auto", "never"):
        found.append(f"resume={plain['resume']}: expected auto or never")
    if found:
        raise InputError("\n".join(dict.fromkeys(found)))


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


def locate(target: str, key: str) -> Callable[..., Any]:
    """The class or function a `_target_` names."""
    try:
        found: Callable[..., Any] = get_object(target)
    except Exception as error:  # whatever the module raises while it is imported
        raise InputError(f"{key}._target_={target}: {error}") from None
    return found
