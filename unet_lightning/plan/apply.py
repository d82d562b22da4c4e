"""Put a plan's choices beneath what was typed, and keep them in the run's folder."""

import json
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from unet_lightning.config.check import data_findings, findings, first_of_each, is_part, tune_findings
from unet_lightning.config.groups import CONF, groups
from unet_lightning.config.instantiate import instantiate
from unet_lightning.config.plain import NEUTRAL, containers, flat
from unet_lightning.config.quote import read
from unet_lightning.config.safe_yaml import load_mapping
from unet_lightning.error import InputError
from unet_lightning.plan.base import Choice, Decision
from unet_lightning.plan.page import override_text, page, preset
from unet_lightning.runtime.distributed import made_once
from unet_lightning.runtime.files import CONFIG, PLAN, PLAN_PAGE, write_atomic
from unet_lightning.runtime.launch import rank

log = logging.getLogger(__name__)
_made: dict[str, Decision] = {}  # in this process, by what decides about it


def planned_overrides(plain: Mapping[str, Any], typed: Collection[str], folder: Path, began: bool = False) -> list[str]:
    """The overrides of a config's plan that leave what was typed as it is; none without a plan.

    typed: overrides, and what a preset says (`said_by_preset`). A run keeps its plan: plan.yaml, a preset, and plan.md
    in its folder, are written before it begins and read when it goes on. Of the processes that torchrun started the
    first one plans; those of srun all do, to the same result. began: it has begun, whatever lies there.
    InputError where plan.yaml isn't what was written.
    """
    node: Any = plain.get("plan")
    if not is_part(node) or node["_target_"] == NEUTRAL["plan._target_"]:  # what is no part is refused with all else
        return []
    kept = folder / PLAN
    if kept.is_file() and (began or (folder / CONFIG).is_file()):
        return [override_text(key, value) for key, value in _kept(kept)]
    check_plan(plain)
    found: list[str] = json.loads(made_once("plan", lambda: json.dumps(_plan(plain, typed, folder))))
    return found


def _plan(plain: Mapping[str, Any], typed: Collection[str], folder: Path) -> list[str]:
    """Make the plan and write it into the folder; its overrides."""
    decision = _decide(plain, typed_values(typed))
    chosen = beneath(decision.choices, typed)
    if rank() == 0:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(folder / PLAN_PAGE, page(decision, chosen).encode())
        write_atomic(folder / PLAN, preset([(choice.key, choice.value) for choice in chosen], groups()).encode())
    log.info(f"plan      {len(chosen)} values, each with its reason in {folder / PLAN_PAGE}")
    return [override_text(choice.key, choice.value) for choice in chosen]


def said_by_preset(name: str | None, folders: Iterable[str | Path]) -> list[str]:
    """What a preset says, in the form of overrides: it was chosen by name, and wins over a plan as well."""
    path = next((path for folder in folders if (path := Path(folder, f"{name}.yaml")).is_file()), None)
    if path is None or path.parent == CONF:
        return []
    found = containers(load_mapping(path), resolve=False)
    lines = [line for line in found.pop("defaults", []) if isinstance(line, dict)]
    parts = [(key.split()[-1].lstrip("/"), value) for line in lines for key, value in line.items()]
    return [
        override_text(key, value)
        for key, value in [*parts, *flat(found).items()]
        if isinstance(value, str | int | float | list)
    ]


def check_plan(plain: Mapping[str, Any]) -> None:
    """InputError for what is wrong with the keys of a plan, and with those it looks at: the data set's, and `tune`."""
    found = findings(plain["plan"], "plan") + data_findings(plain) + tune_findings(plain)
    if found:
        raise InputError("\n".join(first_of_each(found)))


def _decide(plain: Mapping[str, Any], typed: Mapping[str, Any]) -> Decision:
    """A plan is made once for all trials of a sweep on one data set, all folds of it included, unless they differ in
    the size of the network, or in what its time depends on.
    """
    data = plain["data"]
    folds = {} if data["fold"] is None else {"fold": 0}
    config = {**plain, "data": data | folds}
    sized = {name: value for name, value in typed.items() if name in ("model", "model.base_channels")}
    key = json.dumps(
        [{name: config[name] for name in ("plan", "data", "seed", "init", "tune")}, sized], sort_keys=True, default=str
    )
    if key not in _made:
        _made[key] = instantiate(plain["plan"]).decide(config, typed)
    return _made[key]


def typed_values(typed: Iterable[str]) -> dict[str, Any]:
    """The values of overrides by their keys, without those of another package.

    >>> typed_values(["data.crop=64", "+callback@trainer.callbacks.samples=samples", "loss=dice"])
    {'data.crop': 64, 'loss': 'dice'}
    """
    overrides = [override for line in typed if (override := read(line)) and override.package is None]
    return {override.key_or_group: override.value() for override in overrides}


def beneath(choices: Sequence[Choice], typed: Iterable[str]) -> list[Choice]:
    """The choices but those whose key was typed, and those of the keys of a part that another was typed for.

    Those below `data` belong to no data set, and stay whichever was typed.

    >>> beneath([Choice("model", "nnunet", ""), Choice("model.stem", True, ""), Choice("seed", 1, "")], ["model=unet"])
    [Choice(key='seed', value=1, why='')]
    """
    values = typed_values(typed)
    planned = {choice.key: choice.value for choice in choices}
    other = {key for key in set(groups()) - {"data"} if key in values and values[key] != planned.get(key)}
    return [one for one in choices if one.key not in values and one.key.split(".")[0] not in other]


def _kept(path: Path) -> list[tuple[str, Any]]:
    """The keys and values of a preset that `preset` wrote."""
    try:
        found: Any = load_mapping(path)
        lines = [line for line in found.pop("defaults") if not isinstance(line, str)]
        parts = [(key.removeprefix("override "), name) for line in lines for key, name in line.items()]
        return parts + list(flat(containers(found, resolve=False)).items())
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError(f"{path}: not the plan of a run; put it back, or begin another: run=…") from None
