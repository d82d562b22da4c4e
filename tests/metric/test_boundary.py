import numpy as np
import pytest

from unet_lightning.metric.boundary import border, boundary_f1, distances, hausdorff95

EVERYWHERE = np.ones((9, 9), bool)


def square(top, left, side, shape=(9, 9)):
    region = np.zeros(shape, bool)
    region[top : top + side, left : left + side] = True
    return region


def test_the_border_is_the_ring_inside():
    expected = square(2, 2, 4)
    expected[3:5, 3:5] = False
    assert np.array_equal(border(square(2, 2, 4)), expected)


def test_the_edge_of_the_image_is_no_border():
    assert not border(EVERYWHERE).any()
    left_half = np.zeros((4, 6), bool)
    left_half[:, :3] = True
    assert np.argwhere(border(left_half)).tolist() == [[y, 2] for y in range(4)]


def test_a_square_shifted_by_two_worked_by_hand():
    one, two = distances(square(2, 2, 3), square(2, 4, 3), EVERYWHERE)
    # columns 2, 3 (top and bottom) and 4 against columns 4, 5, 6: the left side is 2 away, its middle too
    assert sorted(one.tolist()) == sorted(two.tolist()) == pytest.approx([0, 0, 0, 1, 1, 2, 2, 2])
    assert boundary_f1(one, two, 0) == pytest.approx(3 / 8)
    assert boundary_f1(one, two, 1) == pytest.approx(5 / 8)
    assert boundary_f1(one, two, 2) == 1
    assert hausdorff95(one, two, 9.0) == 2


def brute_force(reference, prediction):
    points = [np.argwhere(border(region)) for region in (reference, prediction)]
    apart = np.sqrt(((points[0][:, None] - points[1][None]) ** 2).sum(-1))
    return apart.min(1), apart.min(0)


@pytest.mark.parametrize("seed", range(5))
def test_against_every_pair_of_border_pixels(seed):
    random = np.random.default_rng(seed)
    reference, prediction = (np.kron(random.random((6, 6)) > 0.5, np.ones((4, 4))) > 0 for _ in range(2))
    found = distances(reference, prediction, np.ones((24, 24), bool))
    expected = brute_force(reference, prediction)
    for one, two in zip(found, expected, strict=True):
        np.testing.assert_allclose(np.sort(one), np.sort(two), rtol=1e-5)
    within = [(d <= 2).mean() for d in expected]
    assert boundary_f1(*found, 2) == pytest.approx(2 * within[0] * within[1] / sum(within))
    assert hausdorff95(*found, 9.0) == pytest.approx(max(np.percentile(d, 95) for d in expected), rel=1e-5)


def test_missing_borders():
    nothing = np.zeros((9, 9), bool)
    both, one = distances(nothing, nothing, EVERYWHERE), distances(square(2, 2, 3), nothing, EVERYWHERE)
    assert np.isnan(boundary_f1(*both, 2))
    assert np.isnan(hausdorff95(*both, 9.0))
    assert boundary_f1(*one, 2) == 0
    assert hausdorff95(*one, 9.0) == 9


def test_ignored_pixels_have_no_border():
    valid = EVERYWHERE.copy()
    valid[:, :5] = False
    labelled = square(2, 2, 5) & valid  # as read: class 0 where ignored
    one, two = distances(labelled, square(2, 2, 5), valid)
    assert len(one) == len(two) == 5 + 2
    assert boundary_f1(one, two, 0) == 1
