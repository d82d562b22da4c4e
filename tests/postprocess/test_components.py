import numpy as np
import pytest

from unet_lightning.data.synthetic import find
from unet_lightning.pipeline.ridge import cut_ridge
from unet_lightning.postprocess.components import Components


def test_pieces_are_numbered_and_small_ones_left_out():
    classes = np.array([[1, 1, 0, 0, 2], [1, 0, 0, 0, 0], [0, 0, 0, 1, 1]])
    assert Components(0, False, 0)(classes).tolist() == [[1, 1, 0, 0, 2], [1, 0, 0, 0, 0], [0, 0, 0, 3, 3]]
    assert Components(2, False, 0)(classes).tolist() == [[1, 1, 0, 0, 0], [1, 0, 0, 0, 0], [0, 0, 0, 2, 2]]


@pytest.mark.parametrize("fill", [True, False])
def test_holes(fill):
    ring = np.pad(np.ones((5, 5), int), 2)
    ring[4, 4] = 0
    assert Components(0, fill, 0)(ring)[4, 4] == fill


def test_the_ridge_comes_back_and_nothing_else_grows():
    labels = np.zeros((8, 12), np.int32)
    labels[2:6, 1:5], labels[2:6, 5:10] = 1, 2
    target = cut_ridge((labels > 0).astype(np.uint8), labels, 1)
    assert target.sum() < (labels > 0).sum()
    assert np.array_equal(Components(0, False, 1)(target), labels)


@pytest.mark.parametrize("width", [1, 2])
def test_cutting_and_growing_back_gives_touching_cells_back(width):
    dataset = find(("background", "cell"), number=4, height=160, width=160, cells=12, noise=0.0, seed=1)
    for record in dataset.records:
        sample = dataset.read(record)
        target = cut_ridge(sample.mask, sample.instances, width)
        grown = Components(0, False, width)(target)
        before, after = ((labels > 0) == (sample.mask > 0) for labels in (target, grown))
        assert after.mean() >= before.mean() or width > 1  # a wide ridge can cut thin cells in two
        assert after.mean() > 0.98
        assert len(np.unique(grown)) == len(np.unique(Components(0, False, 0)(target)))


def test_nothing_stays_nothing():
    assert Components(5, True, 1)(np.zeros((4, 4), int)).max() == 0
