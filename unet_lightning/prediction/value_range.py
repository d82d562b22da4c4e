"""Whether the values of an image are such as training saw: a warning where they aren't, nothing is rescaled."""

import logging
from collections.abc import Mapping
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_lightning.reading.image import KEPT

log = logging.getLogger(__name__)
FACTOR = 4  # how many times brighter or darker than any training image is far


class SeenValues:
    """Type, smallest and largest value of an image, from the windows of it that were read."""

    def __init__(self) -> None:
        self.dtype, self.low, self.high = "", inf, -inf

    def look(self, window: NDArray[Any]) -> NDArray[Any]:
        """The window as it is."""
        self.dtype = window.dtype.name if window.dtype.name in KEPT else "float32"  # what a reader makes of it
        values = window.compressed() if isinstance(window, np.ma.MaskedArray) else window
        if values.size:
            self.low, self.high = min(self.low, float(values.min())), max(self.high, float(values.max()))
        return window


class RangeCheck:
    """Warns, once of each kind, of images of another type than those of training, or far brighter or darker.

    An image's peak is its largest magnitude. It is far when it lies above FACTOR times the largest peak of a training
    image, or below the smallest one divided by FACTOR; images of one value have no peak. statistics: plain, of a
    checkpoint; an older one has types alone.
    """

    def __init__(self, statistics: Mapping[str, Any]) -> None:
        self.dtypes = str(statistics.get("dtype", ""))
        self.range, self.peaks = statistics.get("value_range"), statistics.get("peaks")
        self.warned: set[str] = set()

    def warn(self, seen: SeenValues) -> None:
        """Log what is strange about an image."""
        peak = max(abs(seen.low), abs(seen.high))
        if not seen.low <= seen.high:  # nothing holds data
            return
        if self.dtypes and seen.dtype and seen.dtype not in self.dtypes.split(", "):
            self._once("of another type", seen)
        if self.peaks and seen.low < seen.high:
            smallest, largest = self.peaks
            if peak > FACTOR * largest:
                self._once(f"more than {FACTOR} times brighter", seen)
            elif peak < smallest / FACTOR:
                self._once(f"more than {FACTOR} times darker", seen)

    def _once(self, kind: str, seen: SeenValues) -> None:
        if kind not in self.warned:
            self.warned.add(kind)
            known = f" with values {self.range[0]:g} to {self.range[1]:g}" if self.range else ""
            log.warning(
                f"an image of {seen.dtype} with values {seen.low:g} to {seen.high:g} is {kind} than those of training, "
                f"{self.dtypes}{known}; nothing is rescaled: store it as those were"
            )
