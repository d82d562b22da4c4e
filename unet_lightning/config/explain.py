"""Errors of Hydra and OmegaConf about an override, in one sentence."""

import re

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import MarkedYAMLError  # type: ignore[import-untyped]

from unet_lightning.error import InputError, nearest

EXTRAS = {"hydra/launcher/joblib": "launch", "hydra/launcher/submitit_slurm": "launch", "hydra/launcher/ray": "ray"}


def explain(error: BaseException) -> str:
    """A sentence or two for what Hydra, OmegaConf or YAML found wrong with an override or a preset."""
    if isinstance(error, MarkedYAMLError) and error.problem_mark:
        mark = error.problem_mark
        return f"{mark.name}, line {mark.line + 1}, column {mark.column + 1}: {error.problem}; correct the YAML"
    if ours := _raised_by_ours(error):
        return str(ours)
    cause = error.__cause__ if isinstance(error.__cause__, OmegaConfBaseException) else error
    if isinstance(cause, OmegaConfBaseException) and cause.full_key:
        parent, key = cause.parent_node, str(cause.full_key)
        if OmegaConf.is_dict(parent) and str(cause.key) not in parent.keys():  # noqa: SIM118, where a missing value counts
            names = [str(name) for name in parent]
            return f"{key} is not a key; {nearest(str(cause.key), names)}"
        if unset := re.search(r"Environment variable '(\w+)' not found", str(cause)):
            return f"{key}: the environment variable {unset[1]} isn't set; export {unset[1]}=…, or set {key}"
        return f"{key}: {str(cause).splitlines()[0]}"
    message = str(error).splitlines()[0] if str(error) else type(error).__name__
    missing = next((part for part in EXTRAS if f"'{part}'" in message), None)
    if missing:
        return f"{missing} is not installed: pip install 'unet-lightning[{EXTRAS[missing]}]'"
    if message.startswith("Ambiguous value"):
        message += "; to try several values, put -m before the overrides"
    return message


def _raised_by_ours(error: BaseException | None) -> InputError | None:
    """The InputError of a resolver of ours, which OmegaConf wraps, perhaps more than once."""
    while error is not None and not isinstance(error, InputError):
        error = error.__cause__ or error.__context__
    return error
