"""What is written about the objects of pictures beside the pictures of labels: tables and outlines."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_lightning.prediction.plane import Source


@dataclass(frozen=True)
class PageObjects:
    """The objects of one page of an input, whose arrays may be on disk, to be read by slices.

    name: of the input, relative to what was typed. page: its number, from 0. objects: (H, W) numbers from 1, 0 is
    background. first: the number of object 1 among those of the whole input. kinds: the class id of every object, (N,).
    names: of all classes. image: (H, W, C). foreground: (H, W) probability of not being background. Both are None where
    no collector measures.
    """

    name: Path
    source: Source
    page: int
    objects: Any
    first: int
    kinds: NDArray[np.uint8]
    names: Sequence[str]
    image: Any
    foreground: Any


class Collector(ABC):
    """Takes the objects of every page, and keeps those of an input once all its pages were taken.

    measures: whether it needs the picture and the probabilities.
    """

    measures = False

    @abstractmethod
    def has(self, name: Path) -> bool:
        """Whether an earlier call has written what belongs to an input."""

    def refuses(self, source: Source) -> str:
        """Why an input can't be taken and what to do; empty where it can."""
        return ""

    @abstractmethod
    def take(self, page: PageObjects) -> None:
        """The next page of an input."""

    @abstractmethod
    def keep(self, name: Path) -> None:
        """An input is complete."""

    @abstractmethod
    def drop(self, name: Path) -> None:
        """An input broke: forget its pages."""

    def close(self) -> None:  # noqa: B027, where each input has a file of its own
        """No further input comes: write what all share."""
