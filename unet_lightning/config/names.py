"""Names of folders in outputs/, of a run and of the trials of a sweep."""

import hashlib
import re
from collections.abc import Sequence

from omegaconf import OmegaConf

from unet_lightning.config.overrides import steers
from unet_lightning.error import InputError


def folder_name(overrides: Sequence[str]) -> str:
    """Overrides as the name of one folder on any file system: swept ones first, without those that steer a sweep."""
    kept = sorted((o for o in overrides if not steers(o)), key=lambda override: ("," not in override, override))
    name = re.sub(r"[^\w.,=+@-]+", "_", ",".join(kept)) or "default"
    return name if len(name) <= 150 else f"{name[:140]}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def run_name(name: str | None, otherwise: str) -> str:
    """The folder of a run in outputs/: its name, which may lie in folders of its own."""
    if name is None:
        return otherwise
    if not re.fullmatch(r"[\w.,=+-]+(/[\w.,=+-]+)*", str(name)) or ".." in str(name).split("/"):
        raise InputError(f"run={name}: expected a name of letters, digits and -_.,=+, in folders by / if you like")
    return str(name)


OmegaConf.register_new_resolver("folder", folder_name, replace=True)  # here, for the processes that run trials
OmegaConf.register_new_resolver("name", run_name, replace=True)
