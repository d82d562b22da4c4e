import cv2
import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt, gaussian_filter, label
from skimage.morphology import local_maxima, reconstruction

from unet_lightning.postprocess.kernels import h_maxima
from unet_lightning.postprocess.watershed import Watershed, cut, distances


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


@pytest.mark.parametrize("drop", [0.1, 0.5, 1.0, 2.0])
def test_h_maxima_are_the_regional_maxima_of_the_reconstruction(drop):
    """Also where tops are equally high, as is common for distances."""
    noise = gaussian_filter(np.random.default_rng(0).random((120, 130)), 2)
    labels = label(np.pad(noise > 0.48, 1), np.ones((3, 3)))[0]
    piece = labels == np.bincount(labels[labels > 0]).argmax()
    heights = distance_transform_edt(piece).astype(np.float32)
    places = np.flatnonzero(piece)
    number, mask = h_maxima(heights, places[np.argsort(-heights.ravel()[places])], np.float32(drop))
    expected = local_maxima(reconstruction(heights - np.float32(drop), heights))
    assert np.array_equal(mask, expected)
    assert number == label(expected, np.ones((3, 3)))[1] > 2


def test_distances_are_exact_to_the_last_bit():
    """OpenCV's differ there from call to call, so that one image could have two results."""
    piece = gaussian_filter(np.random.default_rng(1).random((90, 91)), 4) > 0.48
    squares = np.rint(distance_transform_edt(np.pad(piece, 1)) ** 2).astype(np.float32)
    assert squares.max() > 50
    for _ in range(4):
        assert np.array_equal(distances(piece), np.sqrt(squares))
