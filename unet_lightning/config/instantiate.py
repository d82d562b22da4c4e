"""Build the object that a config node describes."""

import logging
import sys
from collections.abc import Callable, Mapping
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import get_object
from hydra.utils import instantiate as hydra_instantiate

from unet_lightning.error import InputError, nearest, shown

EXTRAS = {"segmentation_models_pytorch": "smp", "monai": "monai"}  # packages of networks


def instantiate(node: Mapping[str, Any], **arguments: Any) -> Any:
    """The object that a config node describes; InputError with the reason where its part refuses the values."""
    try:
        return hydra_instantiate(node, **arguments, _convert_="all")
    except InstantiationException as error:
        cause = error.__cause__
        if isinstance(cause, InputError):
            raise cause from None
        refused = isinstance(cause, ValueError | TypeError)
        if refused or type(cause).__name__ == "MisconfigurationException":  # of Lightning, not imported for its name
            raise InputError(f"{node['_target_']}: {cause}") from None
        raise


def locate(target: str, key: str) -> Callable[..., Any]:
    """The class or function a `_target_` names."""
    hydra_log = logging.getLogger(get_object.__module__)
    hydra_log.disabled = True  # it would say at length what the error says
    try:
        found: Callable[..., Any] = get_object(target)
    except Exception as error:  # whatever the module raises while it is imported
        raise InputError(f"{key}._target_={shown(target)}: {_reason(target, error)}") from None
    finally:
        hydra_log.disabled = False
    return found


def _reason(target: str, error: Exception) -> str:
    """Why a `_target_` can't be found."""
    module, _, name = target.rpartition(".")
    if module in sys.modules and not hasattr(sys.modules[module], name):
        known = [word for word, value in vars(sys.modules[module]).items() if callable(value) and word[0] != "_"]
        return shown(f"{module} has no {name}; {nearest(name, known)}", 300)
    package = target.partition(".")[0]
    remedy = f"; pip install 'unet-lightning[{EXTRAS[package]}]'" if package in EXTRAS else ""
    return shown(" ".join(str(error.__cause__ or error).split()), 300) + remedy
