import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, label

from unet_lightning.config.instantiate import instantiate
from unet_lightning.postprocess.largest import Largest, touching

FULL = np.ones((3, 3))  # 8-connected
CLASSES = np.array(
    [
        [1, 1, 0, 0, 2, 2],
        [0, 2, 0, 0, 2, 2],
        [0, 0, 2, 0, 0, 0],
        [0, 0, 0, 0, 0, 1],
        [1, 0, 0, 0, 0, 1],
    ],
    np.uint8,
)


@pytest.mark.parametrize(
    ("merged", "classes", "kept"),
    [
        (False, [], CLASSES),
        (True, [], [[1, 1, 0, 0, 2, 2], [0, 2, 0, 0, 2, 2], [0, 0, 2, 0, 0, 0], [0] * 6, [0] * 6]),  # 4 and 4: both
        (False, [2], [[1, 1, 0, 0, 2, 2], [0, 0, 0, 0, 2, 2], [0] * 6, [0, 0, 0, 0, 0, 1], [1, 0, 0, 0, 0, 1]]),
        (False, [1], [[1, 1, 0, 0, 2, 2], [0, 2, 0, 0, 2, 2], [0, 0, 2, 0, 0, 0], [0, 0, 0, 0, 0, 1], [0] * 5 + [1]]),
        (True, [1, 2], [[1, 1, 0, 0, 2, 2], [0, 0, 0, 0, 2, 2], [0] * 6, [0] * 6, [0] * 6]),
    ],
)
def test_an_image_worked_by_hand(merged, classes, kept):
    assert Largest(merged, classes, 0, True).final_classes(CLASSES).tolist() == np.array(kept).tolist()


def by_nnunet(classes, merged, single):
    """Its rule, written with scipy's labels of whole masks."""
    found = classes.copy()
    for mask in ([found > 0] if merged else []) + [None] * len(single):
        chosen = mask if mask is not None else found == single[0]
        single = single if mask is not None else single[1:]
        parts, number = label(chosen, FULL)
        areas = np.bincount(parts.ravel(), minlength=number + 1)
        areas[0] = 0
        found[chosen & (areas[parts] < areas.max())] = 0
    return found


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("merged", "single"), [(True, []), (False, [1, 3]), (True, [1, 2, 3])])
def test_it_is_the_rule_of_nnunet_whole_and_band_by_band(seed, merged, single):
    noise = gaussian_filter(np.random.default_rng(seed).random((41, 37)), 1.5)
    classes = np.digitize(noise, np.quantile(noise, [0.55, 0.75, 0.9])).astype(np.uint8)
    expected = by_nnunet(classes, merged, list(single))
    postprocess = Largest(merged, single, 0, True)
    assert np.array_equal(postprocess.final_classes(classes), expected)
    objects = np.zeros(classes.shape, np.int32)
    kinds = postprocess.write(classes, objects, rows=5)
    assert np.array_equal(kinds[objects], expected)


def test_an_empty_image_stays_empty():
    empty = np.zeros((4, 5), np.uint8)
    for merged in (False, True):
        assert not Largest(merged, [1], 0, True).final_classes(empty).any()


def test_objects_that_touch_by_a_corner_are_one_group():
    objects = np.array([[1, 0, 3], [0, 2, 0], [0, 0, 0], [4, 4, 5]])
    groups = touching(objects, 6)
    assert groups[1] == groups[2] == groups[3]
    assert groups[4] == groups[5]
    assert len(set(groups[[0, 1, 4]])) == 3


def test_it_is_built_from_its_yaml():
    from unet_lightning.config.compose import compose
    from unet_lightning.config.plain import plain_config

    node = plain_config(compose(["postprocess=largest", "postprocess.classes=[2]"]))["postprocess"]
    built = instantiate(node)
    assert (built.merged, list(built.classes), built.masks) == (True, [2], True)
