"""Compose the config of a run from its overrides."""

from collections.abc import Iterator
from contextlib import contextmanager

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from unet_lightning.config import names as names  # its resolvers
from unet_lightning.config.explain import explain
from unet_lightning.config.groups import CONF
from unet_lightning.config.overrides import check_overrides
from unet_lightning.config.quote import quote_paths
from unet_lightning.config.schema import register
from unet_lightning.error import InputError


def compose(overrides: list[str] | None = None, name: str = "train") -> DictConfig:
    """The config that `python train.py OVERRIDES` would run; InputError where it would refuse."""
    overrides = quote_paths(overrides or [])
    register()
    check_overrides(overrides)
    with _apart(), initialize_config_dir(str(CONF), version_base="1.3"):
        try:
            return hydra_compose(name, overrides)
        except (HydraException, OmegaConfBaseException) as error:
            raise InputError(explain(error)) from None


@contextmanager
def _apart() -> Iterator[None]:
    """Hydra as if nothing had been composed yet: within a run it is still at work on the run's own config."""
    hydra = GlobalHydra.instance()
    running, hydra.hydra = hydra.hydra, None
    try:
        yield
    finally:
        GlobalHydra.instance().hydra = running
