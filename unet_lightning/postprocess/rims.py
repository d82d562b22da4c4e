"""Objects as connected interiors, to which their rims are added: for a network that learned both."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_lightning.label import RIM
from unet_lightning.postprocess.labelling import row_bands
from unet_lightning.postprocess.objects import Objects, Pieces, Pixels, Width


class Rims(Objects):
    """Every connected interior of one class is an object, grown into rims of that class, at most `reach` pixels.

    Its ids are those of `target=boundary`: a class, to which 128 is added on a rim. The rest as for `Components`.
    """

    says_more = True

    def __init__(
        self, min_size: Pixels, fill_holes: bool, keep_largest: bool, ridge: Width, masks: bool, reach: Width
    ) -> None:
        super().__init__(min_size, fill_holes, keep_largest, ridge, masks)
        self.reach = reach

    def class_ids(self, ids: NDArray[Any]) -> NDArray[np.uint8]:
        """The classes (H, W), whether interior or rim."""
        return (np.asarray(ids, np.uint8) & (RIM - 1)).astype(np.uint8)

    def split(self, classes: Any, objects: Any, rows: int | None = None) -> Pieces:
        """The connected interiors, each with its rim."""
        return self._grow(classes, objects, super().split(_Interiors(classes), objects, rows), rows)

    def divide(self, objects: Any, pieces: Pieces, rows: int | None) -> Pieces:
        """The interiors unchanged."""
        return pieces

    def _grow(self, ids: Any, objects: Any, pieces: Pieces, rows: int | None) -> Pieces:
        """Grow into the rims, band by band: a pixel depends on those at most `reach` rows away."""
        from unet_lightning.postprocess.kernels import grow_into

        areas, kinds = pieces[0].copy(), pieces[1]
        above = np.zeros((0, objects.shape[1]), np.int32)
        for here in row_bands(objects.shape, rows):
            top, below = here.start - len(above), min(objects.shape[0], here.stop + self.reach)
            before = np.concatenate([above, np.asarray(objects[here.start : below])])
            inside = slice(len(above), len(above) + here.stop - here.start)
            above = before[max(0, inside.stop - self.reach) : inside.stop].copy()
            band = np.asarray(ids[top:below], np.uint8)
            grown = grow_into(before, np.where(band >= RIM, band - RIM, 0), kinds, self.reach)[inside]
            areas += np.bincount(grown[before[inside] == 0], minlength=len(areas)) * (np.arange(len(areas)) > 0)
            objects[here] = grown
        return areas, kinds


class _Interiors:
    """Ids (H, W) that are read by slices, background on rims."""

    def __init__(self, ids: Any) -> None:
        self.ids, self.shape = ids, ids.shape

    def __getitem__(self, here: Any) -> NDArray[np.uint8]:
        band = np.asarray(self.ids[here], np.uint8)
        return np.where(band < RIM, band, np.uint8(0))
