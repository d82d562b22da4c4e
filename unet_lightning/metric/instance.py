"""Scores of objects: how well predicted instances match the labelled ones, from the table of their overlaps.

An object is a labelled or predicted instance; "references" are the labelled ones.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np

from unet_lightning.metric.overlap import Overlaps

THRESHOLDS = tuple(round(0.5 + 0.05 * k, 2) for k in range(10))


def aggregated_jaccard(found: Overlaps) -> float:
    """AJI (Kumar et al., IEEE TMI 2017, algorithm 1, doi:10.1109/TMI.2017.2677499): sum of intersections over unions.

    Each reference is matched to the prediction of highest IoU; two references may share one prediction. A reference
    that overlaps no prediction adds its area to the union, and so does every prediction without a match. nan without
    any object.
    """
    best = np.full(len(found.references), -1)
    order = np.lexsort((-found.columns, found.iou))  # the last of a row wins: highest IoU, then lowest number
    best[found.rows[order]] = order
    met = best[best >= 0]
    unions = found.references[found.rows[met]] + found.predictions[found.columns[met]] - found.shared[met]
    unserved = np.setdiff1d(np.arange(len(found.predictions)), found.columns[met])
    union = unions.sum() + found.references[best < 0].sum() + found.predictions[unserved].sum()
    return float(found.shared[met].sum() / union) if union else float("nan")


def panoptic_quality(found: Overlaps) -> float:
    """PQ (Kirillov et al., CVPR 2019, doi:10.1109/CVPR.2019.00963): sum of IoU of matches over TP + FP/2 + FN/2.

    A match has IoU > 0.5. nan without any object.
    """
    matched = found.iou[found.iou > 0.5]
    total = (len(found.references) + len(found.predictions)) / 2  # TP + FP/2 + FN/2
    return float(matched.sum() / total) if total else float("nan")


def average_precision(found: Overlaps, threshold: float) -> float:
    """TP / (TP + FP + FN); a match has IoU > threshold, and threshold >= 0.5 makes it unique.

    Data Science Bowl 2018 (Caicedo et al., Nature Methods 2019, doi:10.1038/s41592-019-0612-7). nan without any object;
    ValueError for a threshold below 0.5.
    """
    if threshold < 0.5:
        raise ValueError(f"threshold={threshold}: below 0.5 an object can have two matches")
    hits = int((found.iou > threshold).sum())
    total = len(found.references) + len(found.predictions) - hits
    return hits / total if total else float("nan")


def mean_average_precision(found: Overlaps) -> float:
    """Mean of the average precision at IoU > 0.50, 0.55, …, 0.95."""
    return float(np.mean([average_precision(found, threshold) for threshold in THRESHOLDS]))


def seg(found: Overlaps) -> float:
    """SEG (Cell Tracking Challenge, Maška et al., Bioinformatics 2014, doi:10.1093/bioinformatics/btu080).

    Mean over references of the IoU with the prediction that covers more than half of the reference, 0 where none does;
    nan without references.
    """
    covered = found.shared > 0.5 * found.references[found.rows]
    return float(found.iou[covered].sum() / len(found.references)) if len(found.references) else float("nan")


def errors(found: Overlaps) -> dict[str, int]:
    """Counts of objects and of the kinds of errors.

    merged: predictions that cover more than half of each of at least two references. joined: the number of these
    references, which says how large the mergers are. split: references that contain more than half of each of at least
    two predictions. false_negatives: references that aren't split and that no prediction covers by more than half.
    false_positives: predictions that cover no reference by more than half and lie by more than half in none.
    """
    covers = found.shared > 0.5 * found.references[found.rows]
    inside = found.shared > 0.5 * found.predictions[found.columns]
    covered_by = np.bincount(found.columns[covers], minlength=len(found.predictions))
    pieces = np.bincount(found.rows[inside], minlength=len(found.references))
    is_covered = np.bincount(found.rows[covers], minlength=len(found.references)) > 0
    lies_inside = np.bincount(found.columns[inside], minlength=len(found.predictions)) > 0
    return {
        "references": len(found.references),
        "predictions": len(found.predictions),
        "merged": int((covered_by > 1).sum()),
        "joined": int(covered_by[covered_by > 1].sum()),
        "split": int((pieces > 1).sum()),
        "false_negatives": int((~is_covered & (pieces < 2)).sum()),
        "false_positives": int((~lies_inside & (covered_by == 0)).sum()),
    }


SCORES: dict[str, Callable[[Overlaps], float]] = {
    "aji": aggregated_jaccard,
    "pq": panoptic_quality,
    "seg": seg,
    "ap50": partial(average_precision, threshold=0.5),
    "ap": mean_average_precision,
}


def nan_mean(values: Iterable[float]) -> float:
    """The mean of the values that aren't nan; nan without any."""
    numbers = [value for value in values if not np.isnan(value)]
    return float(np.mean(numbers)) if numbers else float("nan")


def summary(tables: Sequence[Overlaps]) -> dict[str, Any]:
    """Scores of many images: `image_mean` of each score over the images where it isn't nan, and the summed `counts`."""
    means = {name: nan_mean([score(table) for table in tables]) for name, score in SCORES.items()}
    counted = [errors(found) for found in tables]
    return {"image_mean": means, "counts": {key: sum(c[key] for c in counted) for key in counted[0]} if counted else {}}
