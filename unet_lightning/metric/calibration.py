"""How far probabilities agree with how often they are right: the expected calibration error, from counts in bins.

Guo et al., On calibration of modern neural networks, ICML 2017, https://proceedings.mlr.press/v70/guo17a.html.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

BINS = 15  # of equal width; a probability on an edge lies in the lower bin


def reliability(probabilities: Tensor, mask: NDArray[Any], valid: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Pixels by the probability of their most probable class, (3, BINS): their number, the sum of these probabilities,
    and how many of these classes are the labelled one. The counts of several images may be added.

    probabilities: (K, H, W). mask: (H, W) class ids. valid: (H, W) bool, false where ignored.
    """
    highest, predicted = (found.cpu().numpy()[valid] for found in probabilities.max(0))  # (N,) each
    places = np.ceil(highest.astype(np.float64) * BINS).clip(1, BINS).astype(np.int64) - 1
    weights = (np.ones(len(places)), highest, predicted == mask[valid])
    return np.stack([np.bincount(places, weight, BINS) for weight in weights])


def expected_calibration_error(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., 3, BINS) counts to the ECE (...): the mean over pixels of how far, in a bin, accuracy and mean probability
    are apart; nan without pixels.
    """
    pixels, confidence, right = np.moveaxis(counts, -2, 0)  # (..., BINS) each
    with np.errstate(invalid="ignore"):
        error: NDArray[np.float64] = np.abs(right - confidence).sum(-1) / pixels.sum(-1)
    return error
