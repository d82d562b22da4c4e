"""The score by which an ensemble is chosen: of each case alone, so that a sum over images can't hide a bad one.

Dice of each class, a class absent in both masks left out; the mean over cases, then over classes, as nnU-Net compares
configurations (Isensee et al., Nature Methods 2021, doi:10.1038/s41592-020-01008-z). Where a set has objects, panoptic
quality (Kirillov et al., CVPR 2019, doi:10.1109/CVPR.2019.00963) in place of Dice.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from unet_lightning.metric.instance import nan_mean, panoptic_quality
from unet_lightning.metric.semantic import class_scores
from unet_lightning.metric.tally import Tally
from unet_lightning.record import DataSet

DICE = "Dice of each class, mean over images, then over the foreground classes"
QUALITY = "panoptic quality, mean over images"
CaseScore = Callable[[Tally], list[float]]


def case_score(dataset: DataSet, instances: bool) -> CaseScore:
    """A function from the tally of an image to its scores: panoptic quality alone, or Dice of each class."""

    def dice(found: Tally) -> list[float]:
        counts = torch.from_numpy(found.confusion(len(dataset.classes)))
        scores: list[float] = class_scores(counts)["dice"][int(dataset.background) :].tolist()
        return scores

    def quality(found: Tally) -> list[float]:
        return [panoptic_quality(found.overlaps())]

    return quality if instances else dice


def over_cases(values: Sequence[Sequence[Sequence[float]]]) -> NDArray[np.float64]:
    """Scores of N images, M candidates and C classes, (N, M, C), to means over the images that have one, (M, C)."""
    table = np.array(values, np.float64)
    there = ~np.isnan(table)
    with np.errstate(invalid="ignore"):
        means: NDArray[np.float64] = np.where(there, table, 0).sum(0) / there.sum(0)
    return means


def over_classes(means: NDArray[np.float64]) -> list[float]:
    """(M, C) to M scores; 0 where no class has one."""
    return [float(np.nan_to_num(nan_mean(row))) for row in means.tolist()]
