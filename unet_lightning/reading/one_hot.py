"""Labels with a channel for each class, one of which is set in every pixel."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_lightning.error import InputError


def from_one_hot(path: Path, label: NDArray[Any], classes: int) -> NDArray[Any]:
    """Class ids (H, W) of (H, W, K) or (K, H, W); an RGB picture (H, W, 3) as it is.

    InputError where there is a channel a class but not exactly one set, and where there are neither K nor 3 channels.
    """
    places = [axis for axis in (2, 0) if label.shape[axis] == classes]
    colours = label.shape[2] == 3 and label.max(initial=0) > 1
    if not places:
        if label.shape[2] == 3:
            return label
        raise InputError(
            f"{path}: an array of {label.shape}; expected (H, W) class ids, or a channel for each of {classes} classes "
            "(H, W, K); store it so, or name all classes in data.classes"
        )
    for axis in places:
        set_ = label != 0
        if (set_.sum(axis) == 1).all() and len(np.unique(label)) == 2 and not (colours and axis == 2):
            ids: NDArray[Any] = set_.argmax(axis)
            return ids
    if colours:
        return label
    number = (label != 0).sum(places[0])
    raise InputError(
        f"{path}: {classes} channels as classes, but {int((number == 0).sum())} pixels have none set and "
        f"{int((number > 1).sum())} have several; expected exactly one; store class ids (H, W)"
    )
