"""Calibration of a split: the expected calibration error with its interval, and what a reliability diagram shows."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_lightning.evaluation.interval import interval
from unet_lightning.metric.calibration import BINS, expected_calibration_error

NOTE = (
    "Labelled pixels by the probability of their most probable class, before any post-processing. The expected "
    f"calibration error is the mean over pixels of how far accuracy and mean probability of their bin, of {BINS}, are "
    "apart (Guo et al., ICML 2017)."
)


def calibration(
    counts: Sequence[NDArray[np.float64]], groups: Sequence[str], resamples: int, temperature: float
) -> dict[str, Any]:
    """{ece, interval, temperature, bins: [{low, high, pixels, probability, accuracy}]} of a split.

    counts: (3, BINS) of each of N images, from `metric.calibration.reliability`. A bin without pixels has nan.
    """
    each = np.stack(counts)

    def pooled(drawn: NDArray[Any]) -> NDArray[Any]:
        return expected_calibration_error(np.einsum("rn,nkb->rkb", drawn, each))

    pixels, confidence, right = each.sum(0)
    with np.errstate(invalid="ignore"):
        means = confidence / pixels, right / pixels
    columns = {"pixels": pixels.astype(int), "probability": means[0], "accuracy": means[1]}
    bins = [
        {"low": k / BINS, "high": (k + 1) / BINS} | {name: column[k].item() for name, column in columns.items()}
        for k in range(BINS)
    ]
    error = float(expected_calibration_error(each.sum(0)))
    return {"ece": error, "interval": interval(pooled, groups, resamples), "temperature": temperature, "bins": bins}
