from math import isnan

import numpy as np
import pytest

from unet_lightning.sweep.effect import main_effects


def test_a_full_grid_worked_by_hand():
    """Mean 2.75; a1 lies 1.25 below; residuals ±0.25 with one degree of freedom; t is 12.7062."""
    found = main_effects([1, 2, 3, 5], {"a": ["1", "1", "2", "2"], "b": ["1", "2", "1", "2"]})
    assert [(e.level, e.number, e.mean) for e in found["a"]] == [("1", 2, 1.5), ("2", 2, 4.0)]
    assert [e.effect for e in found["a"]] == pytest.approx([-1.25, 1.25])
    assert [e.effect for e in found["b"]] == pytest.approx([-0.75, 0.75])
    assert [e.half for e in found["a"] + found["b"]] == pytest.approx([12.7062 * 0.5 / 2] * 4, rel=1e-4)


def test_missing_trials_are_no_advantage():
    """Scores are sums of 10 and 20 for a and 1, 2, 3 for b; the best b is missing for the better a."""
    rows = [(a, b) for a in "xy" for b in "123" if (a, b) != ("y", "3")]
    scores = [{"x": 10, "y": 20}[a] + int(b) for a, b in rows]
    found = main_effects(scores, {"a": [a for a, _ in rows], "b": [b for _, b in rows]})
    assert [e.effect for e in found["a"]] == pytest.approx([-5, 5])
    assert [e.effect for e in found["b"]] == pytest.approx([-1, 0, 1])
    assert [e.half for e in found["a"]] == pytest.approx([0, 0], abs=1e-9)


def test_differences_between_seeds_widen_no_interval():
    rng = np.random.default_rng(0)
    rows = [(level, seed) for level in "abc" for seed in "123" for _ in range(2)]
    noise = rng.normal(0, 0.01, len(rows))
    shift = {"1": 0.0, "2": 1.0, "3": -1.0}
    scores = [0.1 * "abc".index(level) + shift[seed] + n for (level, seed), n in zip(rows, noise, strict=True)]
    column, seeds = {"f": [level for level, _ in rows]}, [seed for _, seed in rows]
    blocked, plain = main_effects(scores, column, seeds)["f"], main_effects(scores, column)["f"]
    assert blocked[0].effect == pytest.approx(plain[0].effect)
    assert blocked[0].half < 0.05 < plain[0].half


def test_factors_that_vary_together_cannot_be_told_apart():
    found = main_effects([1, 2, 3], {"a": ["x", "y", "y"], "b": ["x", "y", "y"], "c": ["1", "1", "2"]})
    assert all(isnan(e.effect) for e in found["a"] + found["b"])
    assert [e.effect for e in found["c"]] == pytest.approx([-0.5, 0.5])


def test_without_a_repetition_there_is_no_interval():
    (low, high) = main_effects([1, 3], {"a": ["x", "y"]})["a"]
    assert (low.effect, high.effect) == pytest.approx((-1, 1))
    assert isnan(low.half)


def test_the_interval_covers_the_truth_as_often_as_it_says():
    rng, hits = np.random.default_rng(1), 0
    columns = {"a": ["x", "y"] * 6, "b": ["1", "1", "2", "2", "3", "3"] * 2}
    for _ in range(400):
        effect = main_effects(rng.normal(0, 1, 12) + np.array([-1, 1] * 6), columns)["a"][1]
        hits += abs(effect.effect - 1) <= effect.half
    assert 0.92 < hits / 400 < 0.98
