"""Only the largest component: nnU-Net's post-processing, of all foreground together and of single classes.

Isensee et al., Nature Methods 2021, doi:10.1038/s41592-020-01008-z. Of equally large components all are kept.
"""

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Le
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from unet_lightning.postprocess.objects import Objects, Pieces, Width
from unet_lightning.tiling.bands import row_bands

Class = Annotated[int, Ge(1), Le(255)]


class Largest(Objects):
    """Leaves out the components that aren't the largest; what is left out is background, if `masks`.

    merged: whether this is done for the foreground, all classes taken as one. classes: ids of the classes for which it
    is done after that, each by itself.
    """

    def __init__(self, merged: bool, classes: Sequence[Class], ridge: Width, masks: bool) -> None:
        super().__init__(0, False, False, ridge, masks)
        self.merged, self.classes = merged, classes

    def divide(self, objects: Any, pieces: Pieces, rows: int | None) -> Pieces:
        """The components unchanged; those to be left out have no area."""
        areas, kinds = pieces
        if self.merged:
            joined = touching(objects, len(areas), rows)
            areas = areas * _is_largest(np.bincount(joined, areas)[joined])
        for kind in self.classes:
            areas = areas * ((kinds != kind) | _is_largest(np.where(kinds == kind, areas, 0)))
        return areas, kinds


def _is_largest(areas: NDArray[Any]) -> NDArray[np.bool_]:
    return np.asarray(areas == areas.max())


def touching(objects: Any, number: int, rows: int | None = None) -> NDArray[np.int32]:
    """For each of `number` objects in (H, W), 0 being background, which group of 8-connected objects it is in."""
    pairs = [np.zeros((2, 0), np.int32)]
    for here in row_bands(objects.shape, rows):
        band = np.asarray(objects[max(0, here.start - 1) : here.stop])
        neighbours = (
            *((band[:, :-1], band[:, 1:]), (band[:-1], band[1:])),
            *((band[:-1, :-1], band[1:, 1:]), (band[:-1, 1:], band[1:, :-1])),
        )
        for one, two in neighbours:
            meet = (one != two) & (one > 0) & (two > 0)
            pairs.append(np.unique(np.stack([one[meet], two[meet]]), axis=1))
    first, second = np.concatenate(pairs, axis=1)
    graph = coo_array((np.ones(len(first), bool), (first, second)), (number, number))  # type: ignore[no-untyped-call]
    return np.asarray(connected_components(graph, directed=False)[1])
