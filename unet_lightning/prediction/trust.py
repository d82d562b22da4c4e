"""Check the classes that a checkpoint names: no code in it is run, and only trusted classes are built."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from unet_lightning.config.instantiate import locate
from unet_lightning.error import InputError
from unet_lightning.model.unet import UNet
from unet_lightning.normalize.base import Normalize
from unet_lightning.postprocess.objects import Objects
from unet_lightning.record import DataSet
from unet_lightning.target.base import Target
from unet_lightning.tta.flip_rotate import FlipRotate

KINDS: dict[str, type] = {  # what the part of a key must be, or its function must return
    "model": UNet,
    "normalize": Normalize,
    "target": Target,
    "postprocess": Objects,
    "tta": FlipRotate,
    "data": DataSet,
}
TRUSTED = ("unet_lightning.", "torch.nn.")
LARGEST = 4096  # number that a class of torch.nn is given: some build that many layers


def check_targets(node: Any, key: str, place: str, trust: Sequence[str] = ()) -> None:
    """InputError unless every `_target_` below a node is a class of this package, of torch.nn or of a trusted package.

    place: where the node is from, for the error.

    A part's own class must be of the kind its key stands for. A function counts only where it lies in the folder of its
    key and says that it returns that kind: it builds a network, or finds a data set.
    """
    if isinstance(node, list | tuple):
        node = dict(enumerate(node))
    if not isinstance(node, Mapping):
        return
    for name, child in node.items():
        check_targets(child, f"{key}.{name}", place, trust)
    target = node.get("_target_")
    if target is not None and not _may_be_built(target, key, tuple(f"{name}." for name in trust)):
        raise InputError(
            f"{place}: {key}._target_={target} is no class of unet_lightning or torch.nn"
            f"{f' for {key}' if key in KINDS else ''}; if you know and trust its package, add --trust PACKAGE"
        )
    if str(target).startswith("torch.nn.") and (large := _largest([*node.values()])) > LARGEST:
        raise InputError(f"{place}: {key} gives {target} the number {large}; expected {LARGEST} at most")


def _largest(values: list[Any]) -> int:
    """The largest whole number among values and the lists they hold."""
    inner = [_largest(list(value)) for value in values if isinstance(value, list | tuple)]
    return max([abs(value) for value in values if isinstance(value, int)] + inner, default=0)


def _may_be_built(target: Any, key: str, trusted: tuple[str, ...]) -> bool:
    if not isinstance(target, str) or not f"{target}.".startswith((*TRUSTED, *trusted)):
        return False
    found: Any = locate(target, key)
    kind = KINDS.get(key)
    module = f"{getattr(found, '__module__', '')}."
    if module.startswith(trusted):
        return inspect.isclass(found) or inspect.isfunction(found)
    if inspect.isfunction(found) and kind and module.startswith(f"unet_lightning.{key}."):
        found = found.__annotations__.get("return")
    return inspect.isclass(found) and module.startswith(TRUSTED) and issubclass(found, kind or object)
