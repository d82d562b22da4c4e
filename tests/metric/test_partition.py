import numpy as np
import pytest
from skimage.metrics import adapted_rand_error as skimages

from unet_lightning.metric.overlap import overlaps
from unet_lightning.metric.partition import adapted_rand_error, thinned, v_info, v_rand


def labels(seed, objects=5, shape=(30, 40)):
    random = np.random.default_rng(seed)
    return np.kron(random.integers(0, objects, (shape[0] // 5, shape[1] // 5)), np.ones((5, 5), int))


def pairs(reference, prediction):
    """V_rand by its meaning: pairs of foreground pixels that both join, over the mean of those each joins."""
    there = reference > 0
    one, two = reference[there], prediction[there]
    together = one[:, None] == one[None]
    joined = two[:, None] == two[None]
    return 2 * (together & joined).sum() / (together.sum() + joined.sum())


def information(reference, prediction):
    there = reference > 0
    one, two = reference[there], prediction[there]

    def entropy(values):
        shares = np.unique(values, return_counts=True, axis=0)[1] / len(values)
        return -(shares * np.log(shares)).sum()

    both = entropy(one) + entropy(two)
    return 2 * (both - entropy(np.stack([one, two], 1))) / both


@pytest.mark.parametrize("seed", range(6))
def test_against_pairs_of_pixels_entropies_and_scikit_image(seed):
    reference, prediction = labels(seed), np.roll(labels(seed + 50 * (seed % 2)), 2, 1)
    found = overlaps(reference, prediction)
    assert v_rand(found) == pytest.approx(pairs(reference, prediction))
    assert v_info(found) == pytest.approx(information(reference, prediction))
    assert adapted_rand_error(found) == pytest.approx(skimages(reference, prediction)[0])


def test_worked_by_hand():
    reference = np.array([[1, 1, 2, 2, 0]])
    merged = np.array([[3, 3, 3, 3, 3]])
    # p = (1/2, 1/2), s = (1), t = (1/2, 1/2)
    assert v_rand(overlaps(reference, merged)) == pytest.approx(2 * 0.5 / (1 + 0.5))
    assert v_info(overlaps(reference, merged)) == pytest.approx(0)
    assert v_rand(overlaps(reference, reference)) == v_info(overlaps(reference, reference)) == 1
    assert adapted_rand_error(overlaps(reference, reference)) == 0


def test_without_objects_there_is_no_score():
    nothing = np.zeros((3, 3), int)
    assert np.isnan(v_rand(overlaps(nothing, nothing)))
    assert np.isnan(v_info(overlaps(nothing, nothing)))


def test_thinned_borders_give_every_pixel_to_the_nearest_object():
    assert thinned(np.array([[1, 0, 0, 0, 2]], np.int32))[0, [0, 1, 3, 4]].tolist() == [1, 1, 2, 2]
    assert not thinned(np.zeros((2, 2), np.int32)).any()
    assert (thinned(np.array([[5, 0, 0]], np.int32)) == 5).all()
