import numpy as np
import pytest

from unet_lightning.error import InputError
from unet_lightning.weight.balanced import Balanced

RANDOM = np.random.default_rng(0)
STATISTICS = {"class_pixels": [600, 300, 100, 0], "class_image_pixels": [1000, 1000, 400, 0]}
MASK = np.array([[0, 1, 2, 3]], np.uint8)


def weights(method, beta=0.0, classes=None):
    weight = Balanced(method, beta, classes)
    weight.fit(STATISTICS)
    return weight(MASK, None, RANDOM)[0]


def test_inverse_gives_every_class_the_same_total():
    found = weights("inverse")
    assert found[:3] == pytest.approx([1000 / (4 * 600), 1000 / (4 * 300), 1000 / (4 * 100)])
    assert found[:3] * [600, 300, 100] == pytest.approx(250)


def test_median_frequency_worked_by_hand():
    # f = 600/1000, 300/1000, 100/400 = 0.6, 0.3, 0.25; median 0.3
    assert weights("median_frequency")[:3] == pytest.approx([0.5, 1.0, 1.2])


def test_effective_number():
    beta = 0.99
    raw = np.array([(1 - beta) / (1 - beta**n) for n in (600, 300, 100)])
    assert weights("effective_number", beta)[:3] == pytest.approx(raw / raw.mean(), rel=1e-5)


def test_given():
    assert weights("given", classes=[1, 2, 3, 4]).tolist() == [1, 2, 3, 1]


@pytest.mark.parametrize("method", ["inverse", "median_frequency", "effective_number"])
def test_a_class_without_a_pixel_weighs_one(method):
    assert weights(method, 0.999)[3] == 1


@pytest.mark.parametrize(("method", "classes"), [("given", None), ("inverse", [1, 2])])
def test_numbers_and_method_must_agree(method, classes):
    with pytest.raises(InputError, match=r"weight\.method=given"):
        Balanced(method, 0.9, classes)


def test_one_number_a_class():
    with pytest.raises(InputError, match="2\\] for 4 classes"):
        weights("given", classes=[1, 2])
