"""Files of numbers: NumPy's, MATLAB's and NIfTI."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_lightning.reading.axes import channels_last, stated_axes
from unet_lightning.reading.matlab import read_mat
from unet_lightning.reading.nifti import read_slice
from unet_lightning.reading.npy import read_npy

ARRAYS = ("npy", "mat", "nifti")


def read_array(
    path: Path, kind: str, page: int | None = None, variable: str | None = None, axes: str | None = None
) -> NDArray[Any]:
    """The numbers of a file of a kind as stored, (H, W) or (H, W, C).

    page: slice of a volume. variable: of a .mat file. axes: `data.axes`, of three axes.
    """
    if kind == "nifti":
        return read_slice(path, page)
    found = read_mat(path, variable) if kind == "mat" else read_npy(path)
    stated = stated_axes(path, found.shape, axes)
    if stated is not None:
        return channels_last(path, found, stated)
    return np.squeeze(found, 0) if found.ndim == 3 and found.shape[0] == 1 else found
