"""What is done to an image before a network of the zoo: outside of it what depends on the image, inside the rest.

A graph sees a tile, so the mean of an image can't be computed there: the zoo's programs do it, from the whole image.
Fixed numbers lie in the graph, where every program applies them alike.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_lightning.error import InputError
from unet_lightning.normalize.base import Normalize
from unet_lightning.normalize.dataset import DatasetZScore
from unet_lightning.normalize.image import ImageZScore
from unet_lightning.normalize.none import TypeRange
from unet_lightning.normalize.percentile import Percentile
from unet_lightning.normalize.schemes import Schemes
from unet_lightning.normalize.window import Window
from unet_lightning.prediction.checkpoint import TrainedModel

STEADY = 0.1  # standard deviations that the zoo's constant in the divisor, 1e-6, changes by 1e-5 at most
FIXED = {"ct", "rgb", "none"}  # of nnU-Net's schemes, those that don't depend on the image


@dataclass(frozen=True)
class Fixed:
    """(clipped image - shift) / scale of each channel, with equal numbers for every image; all (C,) float32."""

    low: NDArray[np.float32]
    high: NDArray[np.float32]
    shift: NDArray[np.float32]
    scale: NDArray[np.float32]


def preprocessing(model: TrainedModel) -> tuple[list[dict[str, Any]], Fixed | None]:
    """The zoo's steps before the network, and what the graph does first; InputError for what neither can do."""
    part = model.normalize
    if isinstance(part, DatasetZScore | Window | TypeRange) or (
        isinstance(part, Schemes) and set(part.schemes) <= FIXED
    ):
        return [], fixed(part, model)
    kinds = set(part.schemes) if isinstance(part, Schemes) else set()
    if isinstance(part, ImageZScore) or kinds == {"zscore"}:
        return [*_steadied(model), _step("zero_mean_unit_variance")], None
    low, high = part.percents if isinstance(part, Percentile) else (0, 100)
    if kinds == {"rescale"} or (isinstance(part, Percentile) and high > 1):
        return [*_steadied(model), _step("scale_range", min_percentile=low, max_percentile=high)], None
    raise InputError(
        f"normalize: the zoo has no step for '{part.describe()}'; train with normalize=image, or export --to onnx"
    )


def fixed(part: Normalize, model: TrainedModel) -> Fixed:
    """The numbers of a normalisation that doesn't look at the image."""
    types = model.identity["statistics"]["dtype"].split(", ")
    if isinstance(part, TypeRange) and len(types) > 1:
        raise InputError(
            f"normalize=none divides by the range of the file's type, and training saw {', '.join(types)}: a graph "
            "doesn't know the file; train with normalize=image, or export --to onnx"
        )
    channels = model.channels
    shift, scale = part(np.zeros((1, 1, channels), types[0]))
    low, high = np.full((2, channels), [[-np.inf], [np.inf]], np.float32)
    for place, limits in enumerate(part.ct if isinstance(part, Schemes) else ()):
        if limits is not None:
            low[place], high[place] = limits[:2]
    return Fixed(low, high, shift, scale)


def _step(name: str, **arguments: float) -> dict[str, Any]:
    """A step that looks at each channel of the whole image."""
    return {"id": name, "kwargs": {"axes": ["y", "x"], **arguments}}


def _steadied(model: TrainedModel) -> list[dict[str, Any]]:
    """Images of small numbers are multiplied first, as the zoo's steps add 1e-6 to what they divide by."""
    spread = [std for std in model.identity["statistics"]["std"] if std > 0]
    if not spread or min(spread) >= STEADY:
        return []
    return [{"id": "scale_linear", "kwargs": {"gain": 1 / min(spread)}}]
