"""Objects of several classes: which class each has, and scores of each class worked by hand."""

from itertools import product

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from unet_lightning.label import RIM
from unet_lightning.metric.instance import SCORES, errors, panoptic_quality
from unet_lightning.metric.object_classes import kinds_of, overlaps_by_class, summary_by_class
from unet_lightning.metric.overlap import overlaps
from unet_lightning.postprocess.components import Components
from unet_lightning.postprocess.largest import Largest
from unet_lightning.postprocess.rims import Rims
from unet_lightning.postprocess.watershed import Watershed

NAMES = ("background", "round", "long", "rare")


def test_a_class_is_that_of_most_pixels_and_background_counts_only_where_there_is_no_other():
    objects = np.array([[7, 7, 7, 7, 0, 3, 3, 9, 9, 12]])
    classes = np.array([[0, 0, 0, 2, 5, 1, 3, 0, 0, 3]])  # of object 3 one pixel each: the lower id
    assert kinds_of(objects, classes).tolist() == [0, 1, 2, 0, 3]
    assert kinds_of(np.zeros((2, 3), int), np.zeros((2, 3), int)).tolist() == [0]


def row(*parts):
    """(1, W) of (value, length) parts."""
    return np.concatenate([np.full(length, value) for value, length in parts])[None]


def test_scores_of_each_class_worked_by_hand():
    """An object is found at IoU 3/4, one of class 1 is taken for class 2, and one of class 2 is missed."""
    reference = row((1, 4), (0, 1), (2, 4), (0, 1), (3, 2))
    mask = row((1, 4), (0, 1), (1, 4), (0, 1), (2, 2))
    prediction = row((1, 3), (0, 2), (2, 4), (0, 3))
    predicted = row((1, 3), (0, 2), (2, 4), (0, 3))
    one = overlaps_by_class(reference, prediction, mask, predicted)
    assert list(one) == [1, 2]
    counts = [(errors(one[k])["references"], errors(one[k])["predictions"]) for k in (1, 2)]
    assert counts == [(2, 1), (1, 1)]
    assert panoptic_quality(one[1]) == pytest.approx(0.75 / (1 + 1 / 2))
    assert panoptic_quality(one[2]) == 0
    assert panoptic_quality(overlaps(reference, prediction)) == pytest.approx((0.75 + 1) / (2 + 1 / 2))  # of all
    two = overlaps_by_class(row((1, 2)), row((1, 2)), row((2, 2)), row((2, 2)))
    found = summary_by_class([one, two], NAMES)
    assert found["classes"]["round"]["image_mean"]["pq"] == pytest.approx(0.5)  # the second image has none of it
    assert found["classes"]["long"]["image_mean"]["pq"] == pytest.approx((0 + 1) / 2)
    assert found["classes"]["long"]["counts"]["references"] == 2
    assert found["classes"]["round"]["image_mean"]["aji"] == pytest.approx(3 / (4 + 4))
    assert found["classes"]["round"]["image_mean"]["ap50"] == pytest.approx(1 / 2)
    assert all(np.isnan(found["classes"]["rare"]["image_mean"][name]) for name in SCORES)
    assert set(found["classes"]["rare"]["counts"].values()) == {0}
    assert found["mean"]["pq"] == pytest.approx((0.5 + 0.5) / 2)  # of the two classes that there are


def test_a_class_that_is_predicted_and_never_labelled_has_counts_and_no_score():
    found = summary_by_class([overlaps_by_class(row((1, 2)), row((1, 2)), row((1, 2)), row((3, 2)))], NAMES)
    assert np.isnan(found["classes"]["rare"]["image_mean"]["pq"])
    assert found["classes"]["rare"]["counts"]["false_positives"] == 1
    assert found["classes"]["round"]["image_mean"]["pq"] == 0
    assert found["mean"]["pq"] == 0


def test_selected_tables_are_those_of_the_selected_objects():
    random = np.random.default_rng(0)
    reference, prediction = random.integers(0, 9, (30, 30)), random.integers(0, 7, (30, 30))
    one, two = random.random(8) > 0.5, random.random(6) > 0.5
    found = overlaps(reference, prediction).selected(one, two)
    kept = np.append(False, one)[reference] * reference, np.append(False, two)[prediction] * prediction
    expected = overlaps(*kept)
    for name in ("references", "predictions", "rows", "columns", "shared"):
        assert np.array_equal(getattr(found, name), getattr(expected, name)), name


def postprocesses():
    """Every kind, with every option that fills, leaves out or grows."""
    for fill, ridge, masks in product((False, True), (0, 2), (False, True)):
        options = {"min_size": 4, "fill_holes": fill, "keep_largest": False, "ridge": ridge, "masks": masks}
        yield Components(**options)
        yield Watershed(neck=0.5, **options)
        yield Rims(reach=2, **options)
    for merged, ridge in product((False, True), (0, 2)):
        yield Largest(merged, (1, 2), ridge, True)


@pytest.mark.parametrize("postprocess", postprocesses())
def test_every_post_processing_gives_objects_of_one_class(postprocess):
    """Its own record of an object's class and the majority of its pixels agree; all its foreground pixels do, but where
    the ridge grew over what was left out, or a hole with rims of another class was filled.
    """
    random = np.random.default_rng(1)
    ids = gaussian_filter(random.random((3, 50, 60)), (0, 2, 2)).argmax(0).astype(np.uint8)
    ids[10:14, 10:14] = 0  # a hole
    if postprocess.says_more:
        ids[(random.random(ids.shape) > 0.7) & (ids > 0)] += RIM
    objects = np.zeros(ids.shape, np.int32)
    kinds = postprocess.write(ids, objects)
    classes, same = postprocess.apply(ids)
    assert np.array_equal(objects, same)
    assert len(kinds) > 1
    assert np.array_equal(kinds_of(objects, classes), kinds)
    foreground = (objects > 0) & (classes > 0)
    covers = postprocess.ridge or (postprocess.says_more and postprocess.fill_holes)
    if postprocess.masks or not covers:
        assert np.array_equal(classes[foreground], kinds[objects][foreground])
