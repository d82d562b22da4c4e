import cv2
import numpy as np
import pytest

from unet_lightning.postprocess.watershed import Watershed, cut


def discs(*circles, shape=(60, 80)):
    picture = np.zeros(shape, np.uint8)
    for x, y, radius in circles:
        cv2.circle(picture, (x, y), radius, 1, -1)
    return picture


def watershed(neck=1.0, **options):
    values = {"min_size": 0, "fill_holes": False, "keep_largest": False, "ridge": 0, "masks": False}
    return Watershed(neck, **(values | options))


def test_two_overlapping_discs_are_cut_at_the_neck_between_them():
    objects = watershed()(discs((25, 30, 14), (50, 30, 14)))
    assert objects.max() == 2
    left, right = (np.argwhere(objects == objects[30, x])[:, 1] for x in (25, 50))
    assert left.max() <= 38
    assert right.min() >= 37


@pytest.mark.parametrize("neck", [0.5, 1.0, 3.0])
def test_a_disc_stays_one_and_nothing_is_lost(neck):
    picture = discs((30, 30, 20))
    assert np.array_equal(watershed(neck)(picture), picture)


def test_a_shallow_neck_is_cut_by_a_small_number_only():
    picture = discs((30, 30, 16), (46, 30, 16))
    assert watershed(4.0)(picture).max() == 1
    assert watershed(0.5)(picture).max() == 2


def test_what_lies_between_two_parts_is_shared_out_completely():
    picture = discs((14, 20, 12), (34, 20, 12), (54, 20, 12))
    parts = cut(picture > 0, 1.0)
    assert np.array_equal(parts > 0, picture > 0)
    assert parts.max() == 3


def test_parts_smaller_than_the_smallest_are_left_out():
    objects = watershed(min_size=300)(discs((25, 30, 14), (46, 30, 8)))
    assert objects.max() == 1
    assert objects[30, 25] == 1
    assert objects[30, 50] == 0
