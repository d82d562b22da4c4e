"""The range test against losses whose best rate is known, and as it is typed."""

from math import exp, log
from xml.etree import ElementTree

import pytest

from tests.small import TRIAL
from tests.typed import typed
from unet_lightning.training.rate_test import smoothed, steepest


def test_the_steepest_place_is_where_a_sigmoid_has_its_middle():
    rates = [10 ** (-6 + 6 * k / 99) for k in range(100)]
    losses = [1 - 0.8 / (1 + exp(-2 * (log(rate) - log(1e-3)))) for rate in rates]
    assert rates[steepest(rates, losses)] == pytest.approx(1e-3, rel=0.15)


def test_smoothed_losses_are_weighted_means():
    losses = [3.0, 1.0, 4.0, 1.0]
    weights = [0.9**k for k in range(3, -1, -1)]
    mean = sum(w * loss for w, loss in zip(weights, losses, strict=True)) / sum(weights)
    assert smoothed(losses)[-1] == pytest.approx(mean)


def test_the_verb_prints_what_to_type_and_draws_the_curve(tmp_path):
    done = typed("find-lr", *TRIAL, "--plot", tmp_path / "a.svg")
    assert done.returncode == 0, done.stderr
    line = next(line for line in done.stdout.splitlines() if line.startswith("steepest"))
    rate = float(line.rpartition("optimizer.lr=")[2])
    assert 1e-6 < rate < 1
    assert ElementTree.parse(tmp_path / "a.svg").getroot().tag.endswith("svg")
    wrong = typed("find-lr", "--plot", "a.png")
    assert wrong.returncode == 2
    assert "name it like outputs/find-lr.svg" in wrong.stderr
