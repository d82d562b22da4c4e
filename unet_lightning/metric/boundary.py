"""Scores of borders, from distances to the nearest border pixel: time and memory grow with the pixels."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


def border(region: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(H, W) bool to its inner border, (H, W) bool: pixels with one of their 4 neighbours outside of the region.

    Beyond the image the outermost pixels are repeated, so that the image's edge alone is no border.
    """
    inside = np.pad(region, 1, mode="edge")
    inner = inside[:-2, 1:-1] & inside[2:, 1:-1] & inside[1:-1, :-2] & inside[1:-1, 2:]
    return region & ~inner


def distances(
    reference: NDArray[np.bool_], prediction: NDArray[np.bool_], valid: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Distances in pixels from the reference's border pixels to the prediction's border, (N,), and the reverse, (M,).

    All arguments are (H, W); only border pixels where `valid` is true are used. inf where the other border is empty.
    """
    borders = [border(region | ~valid) & valid for region in (reference, prediction)]  # ignored pixels have no edge
    found = [_distance_to(other)[own] for own, other in zip(borders, borders[::-1], strict=True)]
    return found[0], found[1]


def boundary_f1(to_prediction: NDArray[Any], to_reference: NDArray[Any], tolerance: float) -> float:
    """F1 of border pixels that have the other border within `tolerance` pixels (Csurka et al., BMVC 2013).

    Both arrays come from `distances`. Recall is the share of the reference's border pixels, precision that of the
    prediction's. nan where neither has a border, 0 where only one has. doi:10.5244/C.27.32.
    """
    if not len(to_prediction) and not len(to_reference):
        return float("nan")
    if not len(to_prediction) or not len(to_reference):
        return 0.0
    recall, precision = (float((d <= tolerance).mean()) for d in (to_prediction, to_reference))
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def hausdorff95(to_prediction: NDArray[Any], to_reference: NDArray[Any], worst: float) -> float:
    """The larger of the two 95th percentiles of the distances, in pixels; nan where neither side has a border.

    A Hausdorff distance by rank (Huttenlocher et al., IEEE TPAMI 1993, doi:10.1109/34.232073), with the percentile 95.
    Both arrays come from `distances`. worst: the value where only one side has a border, usually the image's diagonal,
    so that a class that isn't predicted at all doesn't improve the mean.
    """
    if not len(to_prediction) and not len(to_reference):
        return float("nan")
    if not len(to_prediction) or not len(to_reference):
        return worst
    return float(max(np.percentile(d, 95) for d in (to_prediction, to_reference)))


def _distance_to(pixels: NDArray[np.bool_]) -> NDArray[np.float32]:
    if not pixels.any():
        return np.full(pixels.shape, np.inf, np.float32)
    return cv2.distanceTransform((~pixels).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE).astype(np.float32)
