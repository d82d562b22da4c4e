import cv2
import numpy as np
import pytest
from scipy.stats import binom, kstest

from unet_lightning.augment.affine import Affine
from unet_lightning.augment.warp import Region, locate, sample_at
from unet_lightning.tiling.window import window

REGION = Region(-3, 5, 31, 41)


def affine(**options):
    plain = {"mirror": False, "rotation": 0, "rotation_probability": 0, "extent": (1, 1), "extent_probability": 0}
    return Affine(**(plain | options))


def steps(where):
    """(2, 2) of a map of coordinates: how far, in rows and columns, a pixel down and a pixel to the right are."""
    return np.stack([where[:, 1, 0] - where[:, 0, 0], where[:, 0, 1] - where[:, 0, 0]], axis=1)


def test_nothing_drawn_is_a_crop_and_a_mirrored_one_its_mirror_image():
    image = np.random.default_rng(0).integers(0, 255, (50, 60)).astype(np.uint8)
    crop = window(image, *REGION)
    seen = set()
    for seed in range(40):
        where = affine(mirror=True)(REGION, 0, np.random.default_rng(seed))
        seen.add(sample_at(image, locate(where), cv2.INTER_LINEAR).tobytes())
    assert seen == {a.tobytes() for a in (crop, crop[::-1], crop[:, ::-1], crop[::-1, ::-1])}


def test_rotation_and_scaling_have_shares_of_their_own_and_even_distributions():
    part = affine(rotation=180, rotation_probability=0.2, extent=(0.7, 1.4), extent_probability=0.2)
    angles, extents = [], []
    for seed in range(3000):
        matrix = steps(part(REGION, 0, np.random.default_rng(seed)))
        extents.append(np.sqrt(np.linalg.det(matrix)))
        angles.append(np.rad2deg(np.arctan2(matrix[0, 1], matrix[0, 0])))
    turned, scaled = np.abs(angles) > 1e-3, np.abs(np.subtract(extents, 1)) > 1e-4
    for found, share in ((turned, 0.2), (scaled, 0.2), (turned & scaled, 0.04)):
        low, high = binom.interval(1 - 1e-6, 3000, share)
        assert low <= found.sum() <= high
    assert kstest(np.array(angles)[turned], "uniform", (-180, 360)).pvalue > 1e-4
    assert kstest(np.array(extents)[scaled], "uniform", (0.7, 0.7)).pvalue > 1e-4


def test_the_centre_stays_and_the_surroundings_change_nothing_inside():
    part = affine(mirror=True, rotation=15, rotation_probability=1, extent=(0.7, 1.4), extent_probability=1)
    inner, outer = (part(REGION, rim, np.random.default_rng(3)) for rim in (0, 9))
    assert inner[:, 15, 20] == pytest.approx([12, 25], abs=1e-4)
    np.testing.assert_allclose(outer[:, 9:-9, 9:-9], inner, atol=1e-4)
