import numpy as np
import pytest

from unet_lightning.weight.balanced import Balanced
from unet_lightning.weight.border import Border, border_term
from unet_lightning.weight.none import Uniform

RANDOM = np.random.default_rng(0)


def brute_force(instances, w0, sigma):
    """Eq. (6) as it is written: a distance to every pixel of every cell."""
    rows, columns = np.mgrid[: instances.shape[0], : instances.shape[1]]
    distances = []
    for cell in np.unique(instances[instances > 0]):
        y, x = np.nonzero(instances == cell)
        distances.append(np.sqrt((rows[..., None] - y) ** 2 + (columns[..., None] - x) ** 2).min(-1))
    if len(distances) < 2:
        return np.zeros(instances.shape)
    first, second = np.sort(distances, 0)[:2]
    return np.where(instances > 0, 0, w0 * np.exp(-((first + second) ** 2) / (2 * sigma**2)))


def scattered(height, width, cells, labels):
    instances = np.zeros((height, width), np.int32)
    for _ in range(cells):
        y, x, h, w = RANDOM.integers(0, (height, width, 8, 8))
        instances[y : y + h, x : x + w] = RANDOM.choice(labels)
    return instances


@pytest.mark.parametrize("w0", [5.0, 10.0, 20.0])
@pytest.mark.parametrize("sigma", [2.0, 5.0, 8.0])
@pytest.mark.parametrize("labels", [range(1, 4), range(1, 30), [1, 70_000, 2**31 - 1]])
def test_equal_to_brute_force_on_random_label_maps(w0, sigma, labels):
    for cells in (0, 1, 2, 5, 12):
        instances = scattered(*RANDOM.integers(1, 60, 2), cells, list(labels))
        np.testing.assert_allclose(border_term(instances, w0, sigma), brute_force(instances, w0, sigma), atol=1e-4)


def test_worked_by_hand_two_columns():
    instances = np.zeros((7, 7), np.int32)
    instances[:, 0], instances[:, 6] = 1, 2
    assert border_term(instances, 10, 5)[:, 1:6] == pytest.approx(4.868, abs=1e-3)


def test_worked_by_hand_two_pixels():
    instances = np.zeros((5, 5), np.int32)
    instances[0, 0], instances[0, 4] = 1, 2
    term = border_term(instances, 10, 5)
    assert term[3, 0] == pytest.approx(2.780, abs=1e-3)
    assert term[4, 2] == pytest.approx(2.019, abs=1e-3)


@pytest.mark.parametrize("cells", [0, 1])
def test_fewer_than_two_cells_leave_w_c(cells):
    instances = np.zeros((9, 9), np.int32)
    instances[2:4, 2:4] = cells
    assert border_term(instances, 10, 5).max() == 0


def test_touching_cells_leave_no_background_between_them_and_weigh_around_it():
    instances = np.zeros((5, 6), np.int32)
    instances[1:4, :3], instances[1:4, 3:] = 1, 2
    term = border_term(instances, 10, 5)
    assert term[1:4].max() == 0
    assert term[0, 2] == pytest.approx(10 * np.exp(-((1 + 2**0.5) ** 2) / 50))


def test_the_exponential_stands_on_background_only_and_adds_to_w_c():
    instances = scattered(40, 40, 6, [1, 2, 3])
    weight = Border(Balanced("given", 0.0, [1.0, 3.0]), w0=10, sigma=5)
    weight.fit({"class_pixels": [5, 5]})
    mask = (instances > 0).astype(np.uint8)
    expected = np.where(mask, 3.0, 1.0) + brute_force(instances, 10, 5)
    np.testing.assert_allclose(weight(mask, instances, RANDOM), expected, atol=1e-4)


def test_what_lies_beyond_the_reach_does_not_matter():
    instances = scattered(200, 200, 60, range(1, 50))
    weight = Border(Uniform(), w0=10, sigma=5)
    crop = np.s_[80:120, 70:130]
    around = np.s_[80 - weight.reach : 120 + weight.reach, 70 - weight.reach : 130 + weight.reach]
    inner = border_term(instances[around], 10, 5)[weight.reach : -weight.reach, weight.reach : -weight.reach]
    np.testing.assert_allclose(inner, border_term(instances, 10, 5)[crop], atol=1e-4)
