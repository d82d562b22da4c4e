"""NumPy's .npy files."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_lightning.error import InputError
from unet_lightning.reading.guard import check_file, reading


def read_npy(path: Path) -> NDArray[Any]:
    """The array of a .npy file, (H, W) or (H, W, C) of numbers; pickled objects are refused."""
    check_file(path)
    with reading(path):
        try:
            found: NDArray[Any] = np.array(np.load(path, mmap_mode="r", allow_pickle=False))  # a map checks the size
        except ValueError as error:
            if "Python objects" not in str(error):
                raise
            raise InputError(f"{path}: Python objects; expected numbers; store (H, W) or (H, W, C)") from None
    while isinstance(found, np.ndarray) and found.ndim > 3 and found.shape[0] == 1:
        found = found[0]
    if not isinstance(found, np.ndarray) or found.ndim not in (2, 3) or found.dtype.kind not in "buif":
        raise InputError(f"{path}: not rows and columns of numbers; store (H, W) or (H, W, C)")
    return found
