"""Interior and rim of each class's objects, so that touching ones are parted by their rims.

Caicedo et al., Nature Methods 2019, https://doi.org/10.1038/s41592-019-0612-7: the recipe of the best programs of the
Data Science Bowl of 2018.
"""

from typing import Annotated

import cv2
import numpy as np
import torch
from annotated_types import Ge, Le
from numpy.typing import NDArray
from torch import Tensor

from unet_lightning.error import InputError
from unet_lightning.label import RIM
from unet_lightning.target.base import Target


class Boundary(Target):
    """A network learns two ids of each foreground class: the interior of an object, and its rim.

    width: of the rim, in pixels, measured inwards from the object's border. An object that would be all rim is all
    interior.
    """

    needs_objects = True

    def __init__(self, width: Annotated[int, Ge(1), Le(2**10)]) -> None:
        self.width = self.reach = width

    def outputs(self, classes: int) -> int:
        """Background, interiors, rims: 2 K - 1 of K classes; InputError for more than 128."""
        if classes > RIM:
            raise InputError(f"target=boundary with {classes} classes; expected {RIM} at most; set target=classes")
        return 2 * classes - 1

    def encode(self, mask: NDArray, objects: NDArray | None, classes: int) -> NDArray:  # type: ignore[type-arg]
        """The class ids, to which K - 1 is added on rims.

        >>> objects = np.array([[0, 1, 1, 1, 2, 2, 2, 0]], np.int32).repeat(9, 0)
        >>> Boundary(1).encode((objects > 0).astype(np.uint8), objects, 2)[4].tolist()
        [0, 2, 1, 2, 2, 1, 2, 0]
        """
        assert objects is not None
        rim = rims(objects, self.width) & (mask > 0)
        return np.where(rim, mask + np.uint8(classes - 1), mask)

    def scores(self, outputs: Tensor, axis: int = 0) -> Tensor:
        """A class is its interior or its rim: logarithms of sums of exponentials."""
        classes = (outputs.shape[axis] + 1) // 2
        parts = torch.split(outputs, [1, classes - 1, classes - 1], axis)
        background, inside, rim = parts
        return torch.cat([background, torch.logaddexp(inside, rim)], axis)

    def ids(self, outputs: Tensor) -> Tensor:
        """The class, to which 128 is added where its rim is more likely than its interior, (H, W) uint8."""
        found = self.scores(outputs).argmax(0)  # (H, W)
        inside, rim = (outputs[k:][: len(outputs) // 2] for k in (1, 1 + len(outputs) // 2))
        place = (found - 1).clamp_min(0)[None]
        on_rim = (found > 0) & (rim.gather(0, place)[0] > inside.gather(0, place)[0])
        return (found + RIM * on_rim).to(torch.uint8)


def rims(objects: NDArray[np.int32], width: int) -> NDArray[np.bool_]:
    """Where a pixel of an object (H, W) has another object or background within `width` rows and columns; nowhere in
    an object that has no other pixels.
    """
    labels: NDArray[np.float64] = objects.astype(np.float64)
    square = np.ones((2 * width + 1, 2 * width + 1), np.uint8)
    rim = (objects > 0) & ((cv2.dilate(labels, square) != labels) | (cv2.erode(labels, square) != labels))
    number = int(objects.max(initial=0)) + 1
    if number > objects.size:  # numbers of a large picture
        numbers, places = np.unique(objects, return_inverse=True)
        objects, number = places.reshape(objects.shape).astype(np.int32), len(numbers)
    inside = np.bincount(objects[~rim], minlength=number) > 0
    kept: NDArray[np.bool_] = rim & inside[objects]
    return kept
