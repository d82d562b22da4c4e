"""Parts chosen in Python by the words of the command line: the defaults, names and checks are those of `conf/`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from unet_lightning.config.check import findings, first_of_each, is_part, resolve_plain
from unet_lightning.config.compose import compose
from unet_lightning.config.groups import groups
from unet_lightning.config.instantiate import instantiate
from unet_lightning.config.plain import containers
from unet_lightning.error import InputError, nearest, shown

Made = TypeVar("Made")
MARK = "_built_of"  # the attribute by which a part remembers its node


@dataclass(frozen=True)
class Origin:
    """The key and the config node that a part was built of, and the arguments that no config holds."""

    key: str
    node: Mapping[str, Any]
    arguments: Mapping[str, Any]


def configured(chosen: Mapping[str, str | None], values: Mapping[str, Any]) -> dict[str, Any]:
    """The config of `conf/train.yaml` as plain containers, not yet checked.

    chosen: of some keys the name of their file, None for the default. values: of some keys what differs from the file:
    a mapping changes what it names, and a text where a part stands chooses one by its name. InputError for a name
    without a file.
    """
    named = [_option(key, name) for key, name in chosen.items() if name is not None]
    config = containers(compose(named), resolve=False)
    for key, changes in values.items():
        config[key] = _changed(config[key], changes, key) if isinstance(changes, Mapping) else changes
    try:
        return resolve_plain(OmegaConf.create(config))
    except OmegaConfBaseException as error:  # of a value that no yaml could hold
        raise InputError(f"{', '.join(values)}: {str(error).splitlines()[0]}; give plain values") from None


def build_part(key: str, name: str | None, values: Mapping[str, Any], **arguments: Any) -> Any:
    """The part `name` of a key, by default that of `conf/train.yaml`, with some values in place of its file's.

    arguments: those that no config holds. InputError, in the words of the command line, for names, keys and values that
    it would refuse.
    """
    node = configured({key: name}, {key: values})[key]
    found = findings({**node, **arguments}, key)
    if found:
        raise InputError("\n".join(first_of_each(found)))
    return marked(instantiate(node, **arguments), Origin(key, node, arguments))


def marked(part: Made, origin: Origin) -> Made:
    """The same part, which remembers what it was built of."""
    setattr(part, MARK, origin)
    return part


def origin_of(part: Any) -> Origin | None:
    """What a part was built of; None for one that this package didn't build by name."""
    found = getattr(part, MARK, None)
    return found if isinstance(found, Origin) else None


def node_of(part: Any, key: str, own: bool = False) -> dict[str, Any]:
    """The node by which a checkpoint describes a part of a key: that it was built of, or the class or function itself.

    own: whether it may be one that this package didn't build, which no checkpoint could build again. InputError for
    such a one where it may not, and for a part of another key.
    """
    origin = origin_of(part)
    if origin is not None and origin.key == key:
        return dict(origin.node)
    if origin is not None or not own:
        came = f"a part of {origin.key}" if origin else f"a {type(part).__name__}"
        builder = f"build_{'network' if key == 'model' else key}"
        raise InputError(f"{key} is {came}; expected one of {key}; give what {builder} returns")
    named = part if hasattr(part, "__qualname__") else type(part)
    return {"_target_": f"{named.__module__}.{named.__qualname__}"}


def _changed(node: Any, changes: Mapping[str, Any], group: str) -> Any:
    """A node with some of its values replaced. group: the key whose files its parts are chosen of."""
    if not isinstance(node, Mapping):
        return dict(changes)
    found = dict(node)
    for name, value in changes.items():
        before = node.get(name)
        if isinstance(value, Mapping) and isinstance(before, Mapping) and "_target_" not in value:
            found[name] = _changed(before, value, group)
        elif isinstance(value, str) and (is_part(before) or before == f"${{{name}}}"):
            key = name if name in groups() else group
            found[name] = containers(compose([_option(key, value)]), resolve=False)[key]
        else:
            found[name] = value
    return found


def _option(key: str, name: Any) -> str:
    """The override that chooses a file of a key."""
    known = groups()[key]
    if name not in known:
        raise InputError(f"{key}={shown(name)}: no such {key}; {nearest(str(name), known)}")
    return f"{key}={name}"
