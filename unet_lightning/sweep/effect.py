"""Main effects: how each level of each factor changes a score, by an additive least-squares model, with intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import nan, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit


@dataclass(frozen=True)
class Effect:
    """A level of a factor: number of trials, their mean score, and the effect of the level with interval ± half.

    effect: difference from the mean of all levels; nan where the trials can't separate this factor from another one.
    half: half the width of the interval; nan without residual degrees of freedom.
    """

    level: str
    number: int
    mean: float
    effect: float
    half: float


def main_effects(
    scores: Sequence[float], factors: Mapping[str, Sequence[str]], blocks: Sequence[str] = (), confidence: float = 0.95
) -> dict[str, list[Effect]]:
    """Effects of every level of every factor on N scores, each adjusted for the other factors and for the blocks.

    factors: N levels each. blocks: N names, such as seeds, whose differences are attributed to no factor. Levels are
    coded to sum to zero (analysis of variance with main effects, for instance Montgomery, Design and Analysis of
    Experiments); in a full grid an effect is the mean of its level minus the mean of all. The residual contains
    interactions and noise.
    """
    values: NDArray[np.float64] = np.asarray(scores, np.float64)
    levels = {name: list(dict.fromkeys(column)) for name, column in factors.items()}
    parts = [np.ones((len(values), 1)), *(sum_to_zero(column) for column in factors.values())]
    design = np.hstack([*parts, sum_to_zero(blocks)] if blocks else parts)
    inverse = np.linalg.pinv(design)
    residual = values - design @ (inverse @ values)
    freedom = len(values) - int(np.linalg.matrix_rank(design))
    width = nan
    if freedom > 0:
        width = float(stdtrit(freedom, (1 + confidence) / 2)) * sqrt(float(residual @ residual) / freedom)
    found: dict[str, list[Effect]] = {}
    start = 1
    for name, column in factors.items():
        found[name] = []
        for level, code in zip(levels[name], codes(len(levels[name])), strict=True):
            contrast = np.zeros(design.shape[1])
            contrast[start : start + len(code)] = code
            row = contrast @ inverse  # the effect as a weighted sum of the scores
            known = np.allclose(row @ design, contrast, atol=1e-8)
            chosen = values[np.array([value == level for value in column])]
            effect, half = (float(row @ values), width * float(np.linalg.norm(row))) if known else (nan, nan)
            found[name].append(Effect(level, len(chosen), float(chosen.mean()), effect, half))
        start += len(levels[name]) - 1
    return found


def codes(number: int) -> NDArray[np.float64]:
    """Sum-to-zero coding of a factor with `number` levels, (number, number - 1): every column sums to zero."""
    return np.vstack([np.eye(number - 1), -np.ones((1, number - 1))])


def sum_to_zero(column: Sequence[str]) -> NDArray[np.float64]:
    """The columns of the design matrix for one factor, (N, levels - 1)."""
    levels = list(dict.fromkeys(column))
    return codes(len(levels))[[levels.index(value) for value in column]]
