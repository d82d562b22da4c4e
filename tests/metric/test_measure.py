import math

import cv2
import numpy as np
import pytest
from skimage.measure import label, regionprops

from unet_lightning.metric import measure as module
from unet_lightning.metric.measure import in_units, measure, summarise, summary_in_units


class Slices:
    """An array that is read by slices alone, as one on disk is."""

    def __init__(self, array):
        self.array, self.shape = array, array.shape

    def __getitem__(self, key):
        return self.array[key].copy()


def picture(height=90, width=70):
    """Objects of many shapes, (H, W), an image of two channels and a probability."""
    random = np.random.default_rng(0)
    mask = np.zeros((height, width), np.uint8)
    for x, y in random.integers(0, (width, height), (9, 2)):
        cv2.ellipse(mask, (int(x), int(y)), (9, 4), float(random.uniform(0, 180)), 0, 360, 1, -1)
    mask[30:33, 5:60] = 1  # long and flat
    mask[5:85, 66] = 1  # reaches over every band
    mask[50, 10] = 1  # one pixel
    mask[60:66, 20:26], mask[62:64, 22:24] = 1, 0  # with a hole
    return label(mask, connectivity=2), random.integers(0, 60000, (height, width, 2)), random.random((height, width))


def test_a_rectangle_measured_by_hand():
    objects, image = np.zeros((6, 8), np.int32), np.zeros((6, 8, 1), np.uint8)
    objects[1:4, 2:6], image[1:4, 2:4] = 1, 10  # 3 rows of 4; half of it 10, half 0
    found = measure(objects, 1, image, np.full((6, 8), 0.25))
    inertia = [(4**2 - 1) / 12, (3**2 - 1) / 12]  # of 4 and 3 points a pixel apart
    expected = {
        **{"area_px": 12, "centroid_y_px": 2, "centroid_x_px": 3.5, "top": 1, "left": 2, "bottom": 4, "right": 6},
        **{"equivalent_diameter_px": math.sqrt(48 / math.pi), "perimeter_px": 2 * (3 + 2), "solidity": 1},
        **{"eccentricity": math.sqrt(1 - inertia[1] / inertia[0]), "mean_1": 5, "sd_1": 5, "mean_probability": 0.25},
        "touches_edge": 0,
    }
    assert {name: values.tolist() for name, values in found.items()} == {
        name: [pytest.approx(value, abs=1e-12)] for name, value in expected.items()
    }
    physical = in_units(found, (0.5, 0.5), "um")
    assert physical["area_um2"] == 3
    assert (physical["centroid_y_um"], physical["centroid_x_um"], physical["perimeter_um"]) == (1, 1.75, 5)
    assert physical["equivalent_diameter_um"] == math.sqrt(12 / math.pi)


def test_measurements_are_those_of_scikit_image():
    objects, image, chance = picture()
    found = measure(objects, objects.max(), image, chance)
    regions = regionprops(objects, image)
    assert len(regions) > 6
    for name, attribute in (("area_px", "area"), ("equivalent_diameter_px", "equivalent_diameter_area")):
        np.testing.assert_allclose(found[name], [getattr(one, attribute) for one in regions])
    for name, attribute in (("perimeter_px", "perimeter"), ("eccentricity", "eccentricity"), ("solidity", "solidity")):
        np.testing.assert_allclose(found[name], [getattr(one, attribute) for one in regions])
    np.testing.assert_allclose(found["mean_2"], [one.intensity_mean[1] for one in regions])
    np.testing.assert_allclose(found["sd_1"], [image[..., 0][objects == one.label].std() for one in regions])
    np.testing.assert_allclose(found["mean_probability"], [chance[objects == one.label].mean() for one in regions])


@pytest.mark.parametrize("rows", [1, 7, 32])
def test_a_picture_cut_into_bands_gives_the_same_numbers(monkeypatch, rows):
    objects, image, chance = picture()
    whole = measure(objects, objects.max(), image, chance)
    monkeypatch.setattr(module, "BAND", rows * objects.shape[1])
    parts = measure(*map(Slices, (objects,)), objects.max(), *map(Slices, (image, chance)))
    for name, values in whole.items():
        np.testing.assert_allclose(parts[name], values, rtol=1e-6, atol=1e-6, err_msg=name)


def test_pixels_that_are_not_square_give_the_real_shape_and_no_perimeter():
    objects = np.zeros((20, 40), np.int32)
    objects[5:10, 5:30] = 1  # 5 x 25 pixels of 4 x 1: nearly as high as wide
    found = measure(objects, 1, size=(4.0, 1.0))
    high, wide = 16 * (5**2 - 1) / 12, (25**2 - 1) / 12
    assert found["eccentricity"] == pytest.approx(math.sqrt(1 - high / wide))
    assert (found["centroid_y_px"], found["solidity"], found["area_px"]) == (7, 1, 125)
    assert np.isnan(found["perimeter_px"]).all()


def test_pixels_without_data_count_in_no_mean():
    objects = np.ones((4, 4), np.int32)
    image = np.ma.masked_array(np.arange(16.0).reshape(4, 4, 1), np.zeros((4, 4, 1), bool))
    image[0] = np.ma.masked
    found = measure(objects, 1, image)
    assert (found["mean_1"], found["touches_edge"]) == (np.arange(4, 16).mean(), 1)


def test_a_picture_without_objects_and_one_with_two():
    none = summarise(measure(np.zeros((10, 20), np.int32), 0), (10, 20))
    assert (none["count"], none["coverage"]) == (0, 0)
    assert math.isnan(none["mean_area_px"])
    objects = np.zeros((10, 20), np.int32)
    objects[:2, :5], objects[5:, 10:16] = 1, 2  # 10 and 30 pixels
    two = summarise(measure(objects, 2), (10, 20))
    assert two == {"count": 2, "density_per_mpx": 1e4, "coverage": 0.2, "mean_area_px": 20}
    assert summary_in_units(two, (10, 20), (0.5, 0.5), "um") == {"density_per_mm2": 4e4, "mean_area_um2": 5}
