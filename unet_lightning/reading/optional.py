"""Libraries that only some files need: imported when the first such file is read."""

from importlib import import_module
from typing import Any

from unet_lightning.error import InputError


def require(module: str, extra: str) -> Any:
    """The module, or an InputError that names the extra which installs it."""
    try:
        return import_module(module)
    except ImportError:
        name = module.split(".")[0]
        raise InputError(f"{name} is not installed; add it by: pip install 'unet-lightning[{extra}]'") from None
