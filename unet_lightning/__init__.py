"""U-Net segmentation: training, evaluation, prediction and sweeps."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unet_lightning.config.builders import build_augment as build_augment
    from unet_lightning.config.builders import build_loss as build_loss
    from unet_lightning.config.builders import build_network as build_network
    from unet_lightning.config.builders import build_normalize as build_normalize
    from unet_lightning.config.builders import build_optimizer as build_optimizer
    from unet_lightning.config.builders import build_postprocess as build_postprocess
    from unet_lightning.config.builders import build_schedule as build_schedule
    from unet_lightning.config.builders import build_target as build_target
    from unet_lightning.config.builders import build_tta as build_tta
    from unet_lightning.config.builders import build_weight as build_weight
    from unet_lightning.error import InputError as InputError
    from unet_lightning.page.picture import displayable as displayable
    from unet_lightning.page.picture import heat as heat
    from unet_lightning.page.picture import outlines_over as outlines_over
    from unet_lightning.page.picture import panel as panel
    from unet_lightning.pipeline.data_module import DataModule as DataModule
    from unet_lightning.pipeline.own_data import build_data as build_data
    from unet_lightning.pipeline.own_data import build_data_from_arrays as build_data_from_arrays
    from unet_lightning.prediction.load import load as load
    from unet_lightning.prediction.predictor import Predictor as Predictor
    from unet_lightning.training.own_task import build_task as build_task
    from unet_lightning.training.task import SegmentationTask as SegmentationTask

__version__ = "0.2.0"
_PLACES = {  # of each public name its module, which is imported when the name is used: no part waits for another
    "DataModule": "pipeline.data_module",
    "InputError": "error",
    "Predictor": "prediction.predictor",
    "SegmentationTask": "training.task",
    "build_augment": "config.builders",
    "build_data": "pipeline.own_data",
    "build_data_from_arrays": "pipeline.own_data",
    "build_loss": "config.builders",
    "build_network": "config.builders",
    "build_normalize": "config.builders",
    "build_optimizer": "config.builders",
    "build_postprocess": "config.builders",
    "build_schedule": "config.builders",
    "build_target": "config.builders",
    "build_task": "training.own_task",
    "build_tta": "config.builders",
    "build_weight": "config.builders",
    "displayable": "page.picture",
    "heat": "page.picture",
    "load": "prediction.load",
    "outlines_over": "page.picture",
    "panel": "page.picture",
}
__all__ = ["__version__", *_PLACES]


def __getattr__(name: str) -> Any:
    """A public name, from its module."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
