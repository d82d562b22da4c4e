"""A part's signature is the schema of its config: names, types and ranges are checked before anything runs."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

from pydantic import ConfigDict, PydanticSchemaGenerationError, TypeAdapter, ValidationError
from torch import nn

from unet_lightning.error import nearest, shown


def findings(target: Callable[..., Any], arguments: Mapping[str, Any], key: str) -> list[str]:
    """One sentence for every argument that `target` doesn't know or whose type or range is wrong.

    `key` is the config key that holds the arguments. Values that are built elsewhere (mappings with `_target_`)
    are only checked by name.
    """
    takes_nothing = getattr(target, "__init__", None) is nn.Module.__init__  # which itself is open to everything
    parameters = {} if takes_nothing else dict(inspect.signature(target).parameters)
    open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    hints = _hints(target)
    found = []
    for name, value in arguments.items():
        if name not in parameters:
            if not open_ended:
                hint = nearest(name, parameters) if parameters else "it takes none"
                found.append(f"{key}.{name} is not a key: {hint}")
        elif not _is_built(value):
            problem = _mismatch(hints.get(name, Any), value)
            if problem:
                found.append(f"{key}.{name}={shown(value)}: {problem}")
    return found


def _is_built(value: Any) -> bool:
    """Whether a config value holds a part, at whatever depth, so that its final type isn't here yet."""
    if not isinstance(value, Mapping):
        return False
    return "_target_" in value or any(_is_built(child) for child in value.values())


def _hints(target: Callable[..., Any]) -> dict[str, Any]:
    function = target.__init__ if inspect.isclass(target) else target
    try:
        return get_type_hints(function, include_extras=True)
    except (NameError, TypeError):  # a stock class whose annotations can't be resolved: names are still checked
        return {}


def _mismatch(hint: Any, value: Any) -> str:
    """Why `value` doesn't fit the annotation `hint`, or an empty string."""
    try:
        adapter = TypeAdapter(hint, config=ConfigDict(arbitrary_types_allowed=True))
    except (PydanticSchemaGenerationError, TypeError):  # a type pydantic can't express
        return ""
    try:
        adapter.validate_python(value, strict=True)
    except ValidationError as error:
        message = _nearest(error)
        return message[0].lower() + message[1:]
    return ""


def _nearest(error: ValidationError) -> str:
    """Of the complaints of all types a value may have, the first of one that it nearly has; else the first."""
    found = error.errors()
    nearly = (one for one in found if not one["type"].endswith(("_type", "none_required")))
    return next(nearly, found[0])["msg"]
