"""Objects as connected components, divided at narrow necks by a watershed of the distance to their border."""

from typing import Annotated, Any

import cv2
import numpy as np
from annotated_types import Gt
from numpy.typing import NDArray
from scipy.ndimage import label  # type: ignore[attr-defined]

from unet_lightning.postprocess.objects import Objects, Pieces, Pixels, Width
from unet_lightning.tiling.bands import boxes


class Watershed(Objects):
    """A component is divided into as many objects as its distance transform has maxima of height `neck` (h-maxima).

    neck: by how many pixels the distance to the border must fall between two maxima. The rest as for `Components`.
    """

    def __init__(
        self,
        neck: Annotated[float, Gt(0)],
        min_size: Pixels,
        fill_holes: bool,
        keep_largest: bool,
        ridge: Width,
        masks: bool,
    ) -> None:
        super().__init__(min_size, fill_holes, keep_largest, ridge, masks)
        self.neck = neck

    def divide(self, objects: Any, pieces: Pieces, rows: int | None) -> Pieces:
        """Divide every component at its necks; the first part keeps the number."""
        areas, kinds = pieces
        all_areas, all_kinds = list(areas), list(kinds)
        for number, (top, left, bottom, right) in enumerate(boxes(objects, len(areas), rows)[1:], 1):
            here = np.s_[top:bottom, left:right]
            block = np.asarray(objects[here])
            parts = cut(block == number, self.neck)
            sizes = np.bincount(parts.ravel())[1:]
            if len(sizes) > 1:
                table = np.array([0, number, *range(len(all_areas), len(all_areas) + len(sizes) - 1)])
                objects[here] = np.where(parts > 0, table[parts], block)
                all_areas[number] = sizes[0]
                all_areas += sizes[1:].tolist()
                all_kinds += [kinds[number]] * (len(sizes) - 1)
        return np.array(all_areas), np.array(all_kinds, np.uint8)


def cut(piece: NDArray[np.bool_], neck: float) -> NDArray[np.int32]:
    """(h, w) bool, one component, to its parts 1, 2, …, (h, w) int32; a component without a neck is part 1."""
    from skimage.segmentation import watershed  # slow to import

    from unet_lightning.postprocess.kernels import h_maxima

    distance = distances(piece)
    if distance.max() <= neck + 1:  # a second maximum lies higher than the neck and the lowest pixel inside, which is 1
        return piece.astype(np.int32)
    places = np.flatnonzero(distance)
    number, peaks = h_maxima(distance, places[np.argsort(-distance.ravel()[places])], np.float32(neck))
    if number < 2:
        return piece.astype(np.int32)
    markers = label(peaks, np.ones((3, 3)))[0]
    parts: NDArray[np.int32] = watershed(-distance, markers, mask=distance > 0)[1:-1, 1:-1].astype(np.int32)
    return parts


def distances(piece: NDArray[np.bool_]) -> NDArray[np.float32]:
    """(h, w) bool to Euclidean distances in pixels to the nearest pixel outside, (h + 2, w + 2), a pixel added around.

    Square roots of whole numbers, rounded: the last bit of OpenCV's own differs from call to call, which would decide
    between equally high maxima.
    """
    padded = cv2.copyMakeBorder(piece.view(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    found = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    exact: NDArray[np.float32] = np.sqrt(np.rint(found * found))
    return exact
