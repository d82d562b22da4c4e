"""Axes by their letters: rows Y, columns X, and one more that counts as channels."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_lightning.error import InputError

ROWS_AND_COLUMNS = "YX"
CHANNELS = "CS"  # what a TIFF calls channels and samples


def check_axes(axes: str) -> str:
    """`data.axes` in upper case; InputError unless it names rows, columns and one more axis."""
    letters = axes.upper()
    if len(letters) != 3 or len(set(letters)) != 3 or not letters.isalpha() or not set(ROWS_AND_COLUMNS) < set(letters):
        raise InputError(
            f"data.axes={axes}; expected Y, X and a letter for the channels in the order they are stored; "
            "set it like data.axes=CYX or data.axes=YXC"
        )
    return letters


def stated_axes(path: Path, shape: tuple[int, ...], axes: str | None) -> str | None:
    """`data.axes` for an array of three axes, None for one of two; InputError where it can't be meant."""
    if axes is None or len(shape) == 2:
        return None
    if len(shape) != len(axes):
        raise InputError(f"{path}: {len(shape)} axes {shape}; data.axes={axes} names {len(axes)}; store it so")
    return axes.translate({ord(name): "C" for name in axes if name not in ROWS_AND_COLUMNS})


def channels_last(path: Path, array: NDArray[Any], axes: str) -> NDArray[Any]:
    """(H, W, C) of one picture, axes of length 1 left out; InputError for a stack of pictures."""
    kept = [k for k, name in enumerate(axes) if name in ROWS_AND_COLUMNS + CHANNELS or array.shape[k] > 1]
    array, axes = array.reshape([array.shape[k] for k in kept]), "".join(axes[k] for k in kept)
    channels = [k for k, name in enumerate(axes) if name in CHANNELS]
    if sorted(set(axes) - set(CHANNELS)) != ["X", "Y"] or len(axes) != 2 + len(channels) or len(channels) > 1:
        raise InputError(
            f"{path}: axes {axes} of {array.shape}; expected one picture of rows and columns (YX), with or without "
            f"channels (CYX, YXS); {remedy(array.shape)}write each picture of a stack to a file of its own"
        )
    picture = array.transpose([axes.index("Y"), axes.index("X"), *channels])
    return picture if channels else picture[..., None]


def remedy(shape: tuple[int, ...]) -> str:
    """The key that reads three axes, the shortest of which are most likely the channels."""
    if len(shape) != 3:
        return ""
    axes = ("CYX", "YCX", "YXC")[int(np.argmin(shape))]
    return f"set data.axes={axes} if the {min(shape)} are channels, or "
