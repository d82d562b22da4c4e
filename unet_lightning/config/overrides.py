"""Overrides as they are typed: checked word by word before Hydra reads them."""

import re
import sys
from collections.abc import Collection
from pathlib import Path

from hydra.core.override_parser.types import Override, ValueType

from unet_lightning.config.groups import groups
from unet_lightning.config.quote import line_to_type, read
from unet_lightning.config.schema import Config
from unet_lightning.error import InputError, nearest, shown

STEERING = ("launch", "search", "retry")  # keys that steer a sweep and change nothing in a trial
SEVERAL = ("logger",)  # keys that take a list of names too


def steers(override: str) -> bool:
    """Whether an override steers a sweep, or Hydra, and changes nothing in a trial."""
    key = override.partition("=")[0].lstrip("+~")
    return re.split(r"[./@]", key)[0] in ("hydra", *STEERING)


def check_overrides(overrides: list[str], *folders: Path, keys: Collection[str] = ()) -> None:
    """Refuse what Hydra would misread: unknown keys, unknown files of a group, a list where one name belongs.

    keys: those known beside the schema's.
    """
    known = groups(*folders)
    for line in overrides:
        override = read(line)
        if override is None:
            raise InputError(unreadable(line))
        _check_override(override, known, keys)


def warn_repeated(overrides: list[str]) -> None:
    """Say on stderr which keys are given twice: the last of their values counts."""
    given: dict[str, str] = {}
    for line in overrides:
        key, equals, _ = line.partition("=")
        key = key.lstrip("+")
        if equals and key in given:
            said = f"{key} is given twice, {shown(given[key])} and {shown(line)}; the last one counts"
            print(f"warning: {said}", file=sys.stderr)
        given[key] = line


def unreadable(line: str) -> str:
    """What to type in the place of an override that Hydra's grammar has no room for."""
    key, equals, _ = line.partition("=")
    if not equals or not re.fullmatch(r"[+~]{0,2}[\w./@-]+", key, re.ASCII) or read(f"{key}=x") is None:
        return f"{shown(line)!r} is no override; expected key=value, such as seed=1"
    return f"{shown(line)}: the value holds characters that need quotes; type {line_to_type(line)}"


def _check_override(override: Override, known: dict[str, list[str]], more: Collection[str]) -> None:
    key, line = override.key_or_group, shown(override.input_line, 200)
    if key == "hydra" or key.startswith(("hydra.", "hydra/")):
        return
    top = key.split(".")[0].split("/")[0].split("@")[0]
    keys = known.keys() | Config.__dataclass_fields__.keys() | set(more)
    if top not in keys:
        raise InputError(f"{line}: {top} is not a key; {nearest(top, keys)}")
    if key == "callback" and override.package is None:
        name = override.value()
        added = f"+callback@trainer.callbacks.{name}={name}"
        raise InputError(f"{line}: a run has several callbacks; add one by {added}")
    if key not in known or override.is_delete():
        return
    if override.value_type is ValueType.GLOB_CHOICE_SWEEP:
        return
    if override.is_sweep_override():
        assert override.input_line is not None
        names = [str(name) for name in override.sweep_string_iterator()]
    else:
        names = [override.value()]  # type: ignore[list-item]
    if key in SEVERAL and len(names) == 1 and isinstance(names[0], list):
        names = names[0]
    for name in names:
        if not isinstance(name, str):
            values = shown(",".join(map(str, name)) if isinstance(name, list) else name)
            raise InputError(f"{line}: {key} takes one name; to try several: -m {key}={values}")
        if name not in known[key]:
            raise InputError(f"{key}={shown(name)}: no such {key}; {nearest(name, known[key])}")
