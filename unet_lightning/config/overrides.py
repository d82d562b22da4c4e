"""Overrides as they are typed: checked word by word before Hydra reads them."""

import re
from collections.abc import Collection
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, ValueType
from hydra.errors import HydraException

from unet_lightning.config.groups import groups
from unet_lightning.config.schema import Config
from unet_lightning.error import InputError, nearest

STEERING = ("launch", "search", "retry")  # keys that steer a sweep and change nothing in a trial


def steers(override: str) -> bool:
    """Whether an override steers a sweep, or Hydra, and changes nothing in a trial."""
    key = override.partition("=")[0].lstrip("+~")
    return re.split(r"[./@]", key)[0] in ("hydra", *STEERING)


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
    if key == "callback" and override.package is None:
        name = override.value()
        line = f"+callback@trainer.callbacks.{name}={name}"
        raise InputError(f"{override.input_line}: a run has several callbacks; add one by {line}")
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
