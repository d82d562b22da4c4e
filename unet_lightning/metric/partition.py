"""Scores of partitions, as in electron microscopy: which pixels of the reference's objects lie in the same object.

Arganda-Carreras et al., Frontiers in Neuroanatomy 2015, doi:10.3389/fnana.2015.00142. Only the reference's foreground
is scored. Its pixels that are predicted as background count as one more object; `thinned` removes them beforehand.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt  # type: ignore[attr-defined]

from unet_lightning.metric.overlap import Overlaps


def adapted_rand_error(found: Overlaps) -> float:
    """1 - F-score of pairs of two different pixels (SNEMI3D): 0 for the same partition, nan without any pair."""
    joint, predicted, labelled = _counts(found)
    number = labelled.sum()
    joined = (predicted**2).sum() + (labelled**2).sum() - 2 * number
    return float(1 - 2 * ((joint**2).sum() - number) / joined) if joined else float("nan")


def v_rand(found: Overlaps) -> float:
    """F-score of pairs of pixels: sum p_ij^2 over the mean of sum s_i^2 and sum t_j^2; nan without reference objects.

    p_ij: share of pixels in predicted object i and reference object j. s_i = sum_j p_ij, t_j = sum_i p_ij.
    """
    joint, predicted, labelled = _counts(found)
    joined = (predicted**2).sum() + (labelled**2).sum()
    return float(2 * (joint**2).sum() / joined) if joined else float("nan")


def v_info(found: Overlaps) -> float:
    """F-score of information: mutual information over the mean of both entropies; nan without reference objects.

    1 where reference and prediction are one object each, whose entropies are 0.
    """
    joint, predicted, labelled = _counts(found)
    if not len(joint):
        return float("nan")
    together, both = _entropy(joint), _entropy(predicted) + _entropy(labelled)
    return float(2 * (both - together) / both) if both > 1e-12 else 1.0


def thinned(objects: NDArray[np.int32]) -> NDArray[np.int32]:
    """(H, W) int32 objects to (H, W) objects without gaps: every background pixel is assigned to the nearest object."""
    if not objects.any():
        return objects
    rows, columns = distance_transform_edt(objects == 0, return_distances=False, return_indices=True)
    grown: NDArray[np.int32] = objects[rows, columns]
    return grown


def _counts(found: Overlaps) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Numbers of reference foreground pixels in every overlapping pair, predicted object and reference object."""
    left = found.references - np.bincount(found.rows, found.shared, minlength=len(found.references))
    predicted = np.append(np.bincount(found.columns, found.shared, minlength=len(found.predictions)), left.sum())
    counts = (np.append(found.shared, left), predicted, found.references)
    joint, predicted, labelled = (values[values > 0].astype(np.float64) for values in counts)
    return joint, predicted, labelled


def _entropy(counts: NDArray[Any]) -> float:
    shares = counts / counts.sum()
    return float(-(shares * np.log(shares)).sum())
