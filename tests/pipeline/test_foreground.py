import numpy as np
import pytest
from scipy.stats import binom

from unet_lightning.pipeline.foreground import Foreground

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("batch", "forced"), [(1, 0), (2, 1), (3, 1), (4, 1), (5, 2), (6, 2), (7, 2), (8, 3), (9, 3), (12, 4)]
)
def test_of_a_third_nnunet_forces_the_last_ones_of_each_batch(batch, forced):
    found = [Foreground(0.33, batch).applies(number, RANDOM) for number in range(3 * batch)]
    assert found == 3 * ([False] * (batch - forced) + [True] * forced)


@pytest.mark.parametrize("batch", [1, 2, 7])
def test_all_and_none(batch):
    assert all(Foreground(1.0, batch).applies(number, RANDOM) for number in range(20))
    assert not any(Foreground(0.0, batch).applies(number, RANDOM) for number in range(20))


def test_each_by_chance_has_the_share():
    found = sum(Foreground(0.3).applies(number, np.random.default_rng(number)) for number in range(2000))
    low, high = binom.interval(1 - 1e-6, 2000, 0.3)
    assert low <= found <= high


def test_a_batch_draws_no_number_for_it():
    """So that the place of a crop depends on nothing but its own numbers."""
    one, other = np.random.default_rng(0), np.random.default_rng(0)
    Foreground(0.5, 4).applies(3, one)
    assert one.random() == other.random()
