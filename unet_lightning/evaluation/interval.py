"""Bootstrap intervals: how far a score would vary on other images of the same kind.

Efron and Tibshirani, An Introduction to the Bootstrap, 1993, doi:10.1201/9780429246593.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import bootstrap  # type: ignore[attr-defined]

CONFIDENCE = 0.95
Score = Callable[[NDArray[Any]], NDArray[Any]]


def interval(score: Score, groups: Sequence[str] | NDArray[Any], resamples: int, seed: int = 0) -> tuple[float, float]:
    """The 95 % percentile bootstrap interval of a score when whole groups of images are sampled with replacement.

    score: function from (R, N), how often each of N images is in each of R samples, to (R,) scores. groups: the group
    of every image, (N,); images of one group (a patient, a sequence) are sampled together. (nan, nan) with fewer than
    two groups.
    """
    names, group_of = np.unique(np.array(groups), return_inverse=True)
    if len(names) < 2:
        return float("nan"), float("nan")

    def resampled(drawn: NDArray[Any], axis: int = -1) -> NDArray[Any]:
        drawn = np.atleast_2d(drawn)
        places = drawn + np.arange(len(drawn))[:, None] * len(names)
        counts = np.bincount(places.ravel(), minlength=len(drawn) * len(names)).reshape(len(drawn), -1)
        return score(counts[:, group_of])

    found = bootstrap(
        (np.arange(len(names)),),
        resampled,
        vectorized=True,
        n_resamples=resamples,
        batch=max(1, 10**7 // len(names)),
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    low, high = (float(np.squeeze(bound)) for bound in found.confidence_interval)
    if np.isnan(low):  # samples without any image that has a score
        scores = found.bootstrap_distribution
        low, high = np.nanpercentile(scores, (50 - 50 * CONFIDENCE, 50 + 50 * CONFIDENCE)).tolist()
    return low, high


def weighted_mean(values: NDArray[Any]) -> Score:
    """Values (N,) to a function from counts (R, N) to weighted means (R,); values that are nan are left out."""
    there = ~np.isnan(values)
    filled = np.where(there, values, 0.0)

    def score(counts: NDArray[Any]) -> NDArray[Any]:
        with np.errstate(invalid="ignore"):
            mean: NDArray[Any] = (counts @ filled) / (counts @ there)
        return mean

    return score
