"""Post-processing: from predicted classes to objects, in one piece or band by band with the same result."""

from typing import Annotated, Any

import numba
import numpy as np
from annotated_types import Ge
from numpy.typing import NDArray

from unet_lightning.labelling import Labels, bands

Pixels = Annotated[int, Ge(0)]


class Objects:
    """Class ids (H, W) to objects (H, W) int32, 0 is background: connected pieces of one class, also by corners.

    smallest: objects of fewer pixels are left out. fill_holes: background an object encloses becomes its own first.
    largest: of each class only the largest object is kept. ridge: width of the ridge that training cut from each of two
    touching objects; background pixels between two objects as close as that go back to the nearer one. masks: whether
    class masks are made from the objects too, so that what was left out or filled counts there.
    """

    def __init__(self, smallest: Pixels, fill_holes: bool, largest: bool, ridge: Pixels, masks: bool) -> None:
        self.smallest, self.fill_holes, self.largest = smallest, fill_holes, largest
        self.ridge, self.masks = ridge, masks

    def __call__(self, classes: NDArray[Any]) -> NDArray[np.int32]:
        """Every class but 0 is foreground."""
        objects = np.zeros(classes.shape, np.int32)
        self.write(classes, objects)
        return objects

    def write(self, classes: Any, objects: Any, rows: int | None = None) -> NDArray[np.uint8]:
        """Write the objects of `classes` into `objects`; the class of every object, (N + 1,), 0 first.

        Both are arrays (H, W) or whatever is read and written by slices, `rows` rows at a time.
        """
        labels = self._join(classes, objects, rows)
        roots = labels.resolve()
        first = np.unique(roots)[1:]
        areas, kinds = self._split(objects, roots, first, labels, rows)
        kept = areas >= max(1, self.smallest)
        if self.largest:
            for kind in np.unique(kinds[kept]):
                of_kind = np.flatnonzero(kept & (kinds == kind))
                kept[of_kind] = False
                kept[of_kind[areas[of_kind].argmax()]] = True
        kept[0] = False
        self._number(objects, np.where(kept, np.cumsum(kept), 0).astype(np.int32), rows)
        return np.append(np.uint8(0), kinds[kept])

    def masked(self, objects: NDArray[np.int32], kinds: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Class ids of objects, given the class of every object."""
        return kinds[objects]

    def _join(self, classes: Any, objects: Any, rows: int | None) -> Labels:
        """Write labels of connected pieces, holes filled if wanted; what is known of the labels."""
        holes = Labels(classes.shape, holes=True)
        filling = np.zeros(1, np.uint8)
        if self.fill_holes:
            for here in bands(classes.shape, rows):
                objects[here] = holes.add(np.asarray(classes[here], np.uint8))
            filling = holes.classes[holes.resolve()]
        pieces = Labels(classes.shape)
        for here in bands(classes.shape, rows):
            band = np.asarray(classes[here], np.uint8)
            objects[here] = pieces.add(np.where(band == 0, filling[objects[here]], band) if self.fill_holes else band)
        return pieces

    def _split(
        self, objects: Any, roots: NDArray[np.int32], first: NDArray[np.int32], labels: Labels, rows: int | None
    ) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        """Write objects numbered 1, 2, … in the order of their first pixels; their areas and classes, 0 first."""
        numbers = np.zeros(len(roots), np.int32)
        numbers[first] = np.arange(1, len(first) + 1)
        table = numbers[roots]
        for here in bands(objects.shape, rows):
            objects[here] = table[objects[here]]
        return np.append(0, labels.areas[first]), np.append(np.uint8(0), labels.classes[first])

    def _number(self, objects: Any, table: NDArray[np.int32], rows: int | None) -> None:
        """Give objects their last numbers, 0 for those left out, and grow the ridge back between those kept."""
        reach = 2 * self.ridge + 1 if self.ridge else 0
        above = np.zeros((0, objects.shape[1]), np.int32)
        for here in bands(objects.shape, rows):
            below = min(objects.shape[0], here.stop + reach)
            band = np.concatenate([above, table[objects[here.start : below]]])
            grown = _grow_back(band, self.ridge) if self.ridge else band
            size = here.stop - here.start
            objects[here] = grown[len(above) : len(above) + size]
            above = band[max(0, len(above) + size - reach) : len(above) + size]


@numba.njit(cache=True, nogil=True)
def _grow_back(labels: Any, ridge: int) -> Any:
    """Give a background pixel that lies between two objects, along a row, column or diagonal, to the nearer one.

    Between: at most `ridge` pixels from one, and at most 2 ridge + 1 from it to the other on the opposite side.
    """
    height, width = labels.shape
    result = labels.copy()
    for y in range(height):
        for x in range(width):
            distance = ridge + 1
            for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, -1), (1, -1), (-1, 1)):
                if labels[y, x] == 0:
                    near, away = _first(labels, y, x, dy, dx, ridge)
                    if near and away < distance:
                        other, _ = _first(labels, y, x, -dy, -dx, 2 * ridge + 1 - away)
                        if other and other != near:
                            result[y, x], distance = near, away
    return result


@numba.njit(cache=True, nogil=True)
def _first(labels: Any, y: int, x: int, dy: int, dx: int, most: int) -> Any:
    """The first object in a direction and how many steps away it is; 0 when there is none within `most` steps."""
    for step in range(1, most + 1):
        v, u = y + step * dy, x + step * dx
        if v < 0 or u < 0 or v >= labels.shape[0] or u >= labels.shape[1]:
            break
        if labels[v, u]:
            return labels[v, u], step
    return 0, 0
