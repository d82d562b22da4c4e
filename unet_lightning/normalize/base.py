"""Normalisation: a shift and a scale for each channel, from the whole image or the training set, never from a tile.

What isn't linear, cutting values off or leaving pixels out, is done to each pixel by itself before.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Affine = tuple[NDArray[np.float32], NDArray[np.float32]]
BAND = 1 << 22  # values in a band of rows, which are processed at once


class Normalize(ABC):
    """Base class of all normalisations: (image - shift) / scale, two numbers for each channel."""

    @property
    def masked(self) -> Sequence[int]:
        """The channels that stay 0 where all of an image's are, whatever else changes their values; by default none."""
        return ()

    def fit(self, statistics: Mapping[str, Any]) -> None:  # noqa: B027
        """Take the needed numbers from the statistics of the training records, a dictionary; by default nothing."""

    @abstractmethod
    def describe(self) -> str:
        """The normalisation in words, after `fit`, for the summary before training."""

    @abstractmethod
    def __call__(self, image: NDArray[Any]) -> Affine:
        """A whole image (H, W, C) of the file's dtype to (shift, scale), each (C,) float32.

        An array, masked where pixels have no data, or whatever has a shape and is read by slices: larger images than
        memory are read in bands of rows.
        """

    def prepare(self, part: NDArray[Any], numbers: Affine) -> NDArray[Any]:
        """A part (h, w, C) of an image as it is before shift and scale, each pixel by itself; by default unchanged.

        numbers: shift and scale of the whole image.
        """
        return part


def row_bands(image: Any) -> Iterator[NDArray[Any]]:
    """An image (H, W, C) as bands of whole rows, each of about four million values; most images are one.

    Pixels without data, of a masked array, are left out: what is left of a band is (N, 1, C).
    """
    height, width, channels = image.shape
    rows = max(1, BAND // (width * channels))
    for top in range(0, height, rows):
        band = image[top : top + rows]
        if isinstance(band, np.ma.MaskedArray):
            band = band.data[~np.ma.getmaskarray(band).any(2)][:, None]
        if band.size:
            yield np.asarray(band)


def affine(shift: NDArray[Any], scale: NDArray[Any]) -> Affine:
    """Shift and scale (C,) as float32; a scale of 0, from a constant channel, becomes 1."""
    return np.asarray(shift, np.float32), np.where(np.asarray(scale) > 0, scale, 1.0).astype(np.float32)


def normalize_image(image: NDArray[Any], shift: NDArray[np.float32], scale: NDArray[np.float32]) -> Tensor:
    """(H, W, C) of any dtype to (image - shift) / scale, (C, H, W) float32."""
    array = (image.astype(np.float32) - shift) / scale
    return torch.from_numpy(np.ascontiguousarray(array.transpose(2, 0, 1)))
