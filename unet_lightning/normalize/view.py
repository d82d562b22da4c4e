"""An image whose pixels are changed when they are read, so that no changed copy of a large one is held."""

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray


class PixelView:
    """What an image (H, W, C) would be after a change of each pixel by itself; read by slices of rows and columns.

    change: a part (h, w, C) of the image to (h, w, …). image: whatever has a shape and is read by slices.
    """

    def __init__(self, image: Any, change: Callable[[NDArray[Any]], NDArray[Any]]) -> None:
        self.image, self.change = image, change
        first = change(image[:1, :1])
        self.shape, self.dtype, self.ndim = (*image.shape[:2], *first.shape[2:]), first.dtype, first.ndim

    def __getitem__(self, place: Any) -> NDArray[Any]:
        return self.change(self.image[place])
