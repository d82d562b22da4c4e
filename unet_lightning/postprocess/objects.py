"""Post-processing: from predicted classes to objects; a whole image or band after band gives the same result."""

from abc import ABC, abstractmethod
from typing import Annotated, Any

import cv2
import numpy as np
from annotated_types import Ge, Le
from numpy.typing import NDArray

from unet_lightning.postprocess.labelling import BandLabeller, row_bands

Pixels = Annotated[int, Ge(0)]
Width = Annotated[int, Ge(0), Le(2**10)]  # work and memory grow with its square
Pieces = tuple[NDArray[np.int64], NDArray[np.uint8]]  # areas and classes (N + 1,), of number 0 first


class Objects(ABC):
    """Class ids (H, W) to objects (H, W) int32, 0 is background: 8-connected components of one class.

    min_size: objects of fewer pixels are left out. fill_holes: whether background enclosed by an object is added to it
    beforehand. keep_largest: of each class only the largest object is kept. ridge: width in pixels of the ridge that
    training cut from each of two touching objects; background pixels between two objects that are so close are given
    back to the nearer one. masks: whether class masks are computed from the objects, so that they also lack what was
    left out and contain what was filled.

    says_more: whether its ids say more than classes.
    """

    says_more = False

    def __init__(self, min_size: Pixels, fill_holes: bool, keep_largest: bool, ridge: Width, masks: bool) -> None:
        self.min_size, self.fill_holes, self.keep_largest = min_size, fill_holes, keep_largest
        self.ridge, self.masks = ridge, masks

    def __call__(self, classes: NDArray[Any]) -> NDArray[np.int32]:
        """Class ids (H, W) to objects (H, W); every class but 0 is foreground."""
        return self.apply(classes)[1]

    def apply(self, classes: NDArray[Any]) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
        """The class ids that are scored, computed from the objects if `masks`, and the objects, both (H, W)."""
        objects = np.zeros(classes.shape, np.int32)
        kinds = self.write(classes, objects)
        return self.class_mask(objects, kinds) if self.masks else self.class_ids(classes), objects

    def final_classes(self, classes: NDArray[Any]) -> NDArray[np.uint8]:
        """The class ids that are scored and drawn, (H, W); objects are only computed if `masks`."""
        return self.apply(classes)[0] if self.masks else self.class_ids(classes)

    def class_ids(self, ids: NDArray[Any]) -> NDArray[np.uint8]:
        """Predicted ids (H, W) to class ids; the same, unless they say more than a class."""
        return np.asarray(ids, np.uint8)

    def write(self, classes: Any, objects: Any, rows: int | None = None) -> NDArray[np.uint8]:
        """Write the objects of `classes` into `objects`; returns the class of every object by its number, (N + 1,).

        Both are arrays (H, W), or objects that are read and written by slices, `rows` rows at a time (None: all).
        """
        return self.select(objects, self.split(classes, objects, rows), rows)

    def split(self, classes: Any, objects: Any, rows: int | None = None) -> Pieces:
        """Write all objects of `classes` into `objects`, before any is left out; returns their areas and classes."""
        labels = self._join(classes, objects, rows)
        return self.divide(objects, self._number_pieces(objects, labels, rows), rows)

    def select(self, objects: Any, pieces: Pieces, rows: int | None = None) -> NDArray[np.uint8]:
        """Leave out objects by size, renumber the others and grow the ridge back; returns their classes, (N + 1,)."""
        table, kinds = self.choose(pieces)
        self._number(objects, table, rows)
        return kinds

    def choose(self, pieces: Pieces) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
        """The new number of each object, 0 for those left out, (N + 1,), and the classes of the new ones, (M + 1,)."""
        areas, kinds = pieces
        kept = areas >= max(1, self.min_size)
        if self.keep_largest:
            for kind in np.unique(kinds[kept]):
                of_kind = np.flatnonzero(kept & (kinds == kind))
                kept[of_kind] = False
                kept[of_kind[areas[of_kind].argmax()]] = True
        kept[0] = False
        return np.where(kept, np.cumsum(kept), 0).astype(np.int32), np.append(np.uint8(0), kinds[kept])

    def class_mask(self, objects: NDArray[np.int32], kinds: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Objects (H, W) to class ids (H, W), given the class of every object by its number, (N + 1,)."""
        return kinds[objects]

    def _join(self, classes: Any, objects: Any, rows: int | None) -> BandLabeller:
        """Write preliminary labels of connected components into `objects`, after filling holes if wanted."""
        holes = BandLabeller(classes.shape, holes=True)
        filling = np.zeros(1, np.uint8)
        if self.fill_holes:
            for here in row_bands(classes.shape, rows):
                objects[here] = holes.add(np.asarray(classes[here], np.uint8))
            filling = holes.classes[holes.resolve()]
        pieces = BandLabeller(classes.shape)
        for here in row_bands(classes.shape, rows):
            band = np.asarray(classes[here], np.uint8)
            objects[here] = pieces.add(np.where(band == 0, filling[objects[here]], band) if self.fill_holes else band)
        return pieces

    @abstractmethod
    def divide(self, objects: Any, pieces: Pieces, rows: int | None) -> Pieces:
        """Divide the components 1, 2, … in `objects` (H, W) into objects, in place; returns their areas and classes."""

    def _number_pieces(self, objects: Any, labels: BandLabeller, rows: int | None) -> Pieces:
        """Renumber components 1, 2, … in the order of their first pixels; returns their areas and classes."""
        roots = labels.resolve()
        first = np.unique(roots)[1:]
        numbers = np.zeros(len(roots), np.int32)
        numbers[first] = np.arange(1, len(first) + 1)
        table = numbers[roots]
        for here in row_bands(objects.shape, rows):
            objects[here] = table[objects[here]]
        return np.append(0, labels.areas[first]), np.append(np.uint8(0), labels.classes[first])

    def _number(self, objects: Any, table: NDArray[np.int32], rows: int | None) -> None:
        """Give objects their final numbers, 0 for those left out, and grow the ridge back between those kept."""
        reach = 2 * self.ridge + 1 if self.ridge else 0
        above = np.zeros((0, objects.shape[1]), np.int32)
        for here in row_bands(objects.shape, rows):
            below = min(objects.shape[0], here.stop + reach)
            band = np.concatenate([above, table[objects[here.start : below]]])
            inside = slice(len(above), len(above) + here.stop - here.start)
            above = band[max(0, inside.stop - reach) : inside.stop].copy()
            if self.ridge:
                places, numbers = grown_back(band, self.ridge)
                band.ravel()[places] = numbers
            objects[here] = band[inside]


def grown_back(objects: NDArray[np.int32], ridge: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Flat positions of background pixels of (H, W) near objects, (N,), and the object each is given back to or 0."""
    from unet_lightning.postprocess.kernels import grow_back

    foreground = (objects > 0).astype(np.uint8)
    near = cv2.dilate(foreground, np.ones((2 * ridge + 1,) * 2, np.uint8))
    places = np.flatnonzero(near > foreground)
    return places, grow_back(objects, places, ridge)
