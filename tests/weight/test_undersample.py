import numpy as np
import pytest

from unet_lightning.weight.undersample import Undersample

MASK = np.repeat(np.array([[0], [1], [2]], np.uint8), [900, 90, 10], 0).repeat(100, 1)


def weights(seed=0, **options):
    weight = Undersample(**({"ratio": 1.0, "share": None} | options))
    weight.fit({"class_pixels": [90000, 9000, 1000]})
    return weight(MASK, None, np.random.default_rng(seed))


def test_every_class_counts_about_as_often_as_the_rarest():
    kept = [weights()[k == MASK].sum() for k in range(3)]
    assert kept == pytest.approx([1000, 1000, 1000], rel=0.15)
    assert set(np.unique(weights())) == {0, 1}


def test_ratio_leaves_more():
    assert weights(ratio=3.0)[MASK == 0].sum() == pytest.approx(3000, rel=0.1)


def test_a_given_share_is_that_of_the_most_frequent_class_alone():
    kept = weights(share=0.2)
    assert kept[MASK == 0].mean() == pytest.approx(0.2, abs=0.01)
    assert kept[MASK > 0].min() == 1


def test_the_draw_follows_the_seed():
    assert np.array_equal(weights(1), weights(1))
    assert not np.array_equal(weights(1), weights(2))
