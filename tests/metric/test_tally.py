import numpy as np
import pytest

from unet_lightning.metric.overlap import drop_ignored, overlaps
from unet_lightning.metric.tally import tally


@pytest.mark.parametrize("step", [1, 40], ids=["counted in a table", "sorted"])
@pytest.mark.parametrize("background", [True, False])
def test_overlaps_are_those_of_the_pixels_that_are_scored(step, background):
    random = np.random.default_rng(0)
    labels, numbers = (np.kron(random.integers(0, 20, (6, 6)), np.ones((3, 3), int)) * step for _ in range(2))
    numbers = np.roll(numbers, 1, 1)
    valid = random.random(labels.shape) > 0.5
    valid &= background | (labels > 0)
    ignored = int(labels.max()) + 1
    found = tally(np.where(valid, labels, ignored), ignored, numbers, np.arange(numbers.max() + 1)).overlaps()
    reference = labels * valid
    expected = overlaps(reference, drop_ignored(reference, numbers, valid))
    assert 0 < len(expected.predictions) < len(np.unique(numbers[numbers > 0]))  # some are left out
    for name in ("references", "predictions", "rows", "columns", "shared"):
        assert np.array_equal(getattr(found, name), getattr(expected, name))


def test_a_selection_with_grown_pixels_worked_by_hand():
    labels, numbers = np.array([[1, 1, 1, 0, 2, 9]]), np.array([[1, 0, 2, 3, 3, 3]])  # 9: ignored
    whole = tally(labels, 9, numbers, np.array([0, 1, 1, 2], np.uint8))
    assert whole.confusion(3).tolist() == [[0, 0, 1], [1, 2, 0], [0, 0, 1]]
    kinds = np.array([0, 1, 2], np.uint8)
    grown = np.array([1, 1]), np.array([1, 2])  # objects 1 and 3, now 2, take the pixels of background and of object 2
    found = whole.selected(np.array([0, 1, 0, 2], np.int32), kinds, grown)
    pairs = np.stack([found.rows, found.columns, found.counts], 1)
    assert pairs.tolist() == [[0, 2, 1], [1, 1, 2], [1, 2, 1], [2, 2, 1], [9, 2, 1]]
    assert found.confusion(3).tolist() == [[0, 0, 1], [0, 2, 1], [0, 0, 1]]
