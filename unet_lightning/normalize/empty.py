"""Pixels where an image holds nothing: all channels are 0."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def holds_something(part: NDArray[Any]) -> NDArray[np.bool_]:
    """(h, w, C) to (h, w): where any channel isn't 0."""
    found: NDArray[np.bool_] = (np.ma.getdata(part) != 0).any(-1)
    return found


def mask_empty(part: NDArray[Any]) -> NDArray[Any]:
    """(h, w, C), masked where all channels are 0, and where it was already."""
    empty = np.broadcast_to(~holds_something(part)[..., None], part.shape)
    return np.ma.array(np.ma.getdata(part), mask=empty | np.ma.getmaskarray(part))
