"""U-Net segmentation: training, evaluation, prediction and sweeps."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unet_lightning.prediction.load import load as load

__version__ = "0.2.0"
__all__ = ["__version__", "load"]


def __getattr__(name: str) -> Any:
    """`load`, imported only when it is used, so that other parts of the package start without torch."""
    if name != "load":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from unet_lightning.prediction.load import load

    return load
