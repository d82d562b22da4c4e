"""Interior and rim: what is learned, and what the outputs say, against hand-worked arrays and brute force."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from unet_lightning.error import InputError
from unet_lightning.label import RIM
from unet_lightning.postprocess.rims import Rims
from unet_lightning.target.boundary import Boundary, rims
from unet_lightning.target.classes import Classes

PLAIN = {"min_size": 0, "fill_holes": False, "keep_largest": False, "ridge": 0, "masks": False}


def blobs(seed=0, size=60):
    """Touching objects of three classes, numbered; one of them is so thin that it has no interior."""
    random = np.random.default_rng(seed)
    objects = np.zeros((size, size), np.int32)
    for number in range(1, 9):
        y, x, height, width = random.integers((2, 2, 6, 6), (size - 16, size - 16, 15, 15))
        objects[y : y + height, x : x + width] = number
    objects[size - 3, 3:20] = 9
    kinds = np.array([0, 1, 2, 1, 2, 3, 1, 2, 3, 1], np.uint8)
    return objects, kinds[objects]


@pytest.mark.parametrize("width", [1, 2, 3])
def test_a_rim_is_what_an_erosion_of_each_object_takes_away(width):
    objects, _ = blobs()
    square = np.ones((2 * width + 1,) * 2)
    expected = np.zeros(objects.shape, bool)
    for number in np.unique(objects)[1:]:
        piece = objects == number
        inside = ndimage.binary_erosion(piece, square, border_value=1)
        expected |= piece & ~inside if inside.any() else False
    assert np.array_equal(rims(objects, width), expected)
    assert np.array_equal(rims(objects * 1_000_003, width), expected)  # numbers of a large picture


def test_the_ids_that_are_learned_are_background_interiors_rims():
    objects, mask = blobs()
    learned = Boundary(2).encode(mask, objects, 4)
    assert learned.dtype == np.uint8
    rim = rims(objects, 2)
    assert np.array_equal(learned[~rim], mask[~rim])
    assert np.array_equal(learned[rim], mask[rim] + 3)
    assert learned.max() < Boundary(2).outputs(4) == 7
    cut = np.where(objects == 3, 0, mask)  # a ridge is background whatever object it was of
    assert not Boundary(2).encode(cut, objects, 4)[objects == 3].any()


def test_a_class_has_the_probability_of_its_interior_and_its_rim():
    outputs = torch.randn(7, 5, 6, generator=torch.Generator().manual_seed(0))
    probabilities = outputs.softmax(0)
    expected = torch.stack([probabilities[0], *(probabilities[k] + probabilities[k + 3] for k in (1, 2, 3))])
    torch.testing.assert_close(Boundary(1).scores(outputs).softmax(0), expected)
    ids, found, values = Boundary(1).ids(outputs).numpy(), expected.argmax(0).numpy(), outputs.numpy()
    for y in range(5):
        for x in range(6):
            k = found[y, x]
            assert ids[y, x] == (k + RIM if k and values[k + 3, y, x] > values[k, y, x] else k)
    assert (ids >= RIM).any()


def test_outputs_that_say_what_was_learned_give_touching_objects_back():
    numbers = np.arange(1, 10, dtype=np.int32).reshape(3, 3)
    objects = np.pad(numbers.repeat(9, 0).repeat(8, 1), 3)  # nine rectangles, each beside and diagonal to others
    mask = np.where(objects > 0, objects % 3 + 1, 0).astype(np.uint8)
    learned = torch.from_numpy(Boundary(2).encode(mask, objects, 4).astype(np.int64))
    outputs = torch.nn.functional.one_hot(learned, 7).permute(2, 0, 1).float() * 20
    classes, found = Rims(**PLAIN, reach=4).apply(Boundary(2).ids(outputs).numpy())
    assert np.array_equal(classes, mask)
    assert np.array_equal(found, objects)


def test_a_rim_belongs_to_the_nearest_interior_of_its_class_within_reach():
    ids = np.array([[1, RIM + 1, RIM + 1, RIM + 2, 2, RIM + 2, RIM + 2, RIM + 2, 0]], np.uint8)
    classes, found = Rims(**PLAIN, reach=2).apply(ids)
    assert classes.tolist() == [[1, 1, 1, 2, 2, 2, 2, 2, 0]]
    assert found.tolist() == [[1, 1, 1, 2, 2, 2, 2, 0, 0]]
    alone = Rims(**(PLAIN | {"masks": True}), reach=2).apply(ids)[0]
    assert alone.tolist() == [[1, 1, 1, 2, 2, 2, 2, 0, 0]]


def test_a_neighbour_beside_a_pixel_comes_before_one_at_a_corner_and_then_the_smaller_number():
    rim = RIM + 1
    corners = np.array([[1, 0, 0], [0, rim, 0], [0, 0, 1]], np.uint8)
    assert Rims(**PLAIN, reach=1)(corners).tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 2]]
    beside = np.array([[1, 0, 0], [0, rim, 1], [0, 0, 0]], np.uint8)
    assert Rims(**PLAIN, reach=1)(beside).tolist() == [[1, 0, 0], [0, 2, 2], [0, 0, 0]]


@pytest.mark.parametrize("rows", [1, 3, 7])
def test_bands_give_the_objects_of_the_whole_picture(rows):
    objects, mask = blobs(seed=3)
    ids = np.where(rims(objects, 3), mask + RIM, mask).astype(np.uint8)
    for options in (PLAIN, PLAIN | {"min_size": 30, "fill_holes": True, "ridge": 1}):
        postprocess = Rims(**options, reach=4)
        whole, found = np.zeros(ids.shape, np.int32), np.zeros(ids.shape, np.int32)
        kinds = postprocess.write(ids, whole)
        assert np.array_equal(postprocess.write(ids, found, rows), kinds)
        assert np.array_equal(found, whole)
        areas, _ = postprocess.split(ids, found, rows)
        assert areas[1:].tolist() == np.bincount(found.ravel())[1:].tolist()


def test_classes_are_learned_as_they_are():
    outputs, mask = torch.randn(3, 4, 5), np.ones((4, 5), np.uint8)
    assert Classes().encode(mask, None, 3) is mask
    assert Classes().scores(outputs) is outputs
    assert torch.equal(Classes().ids(outputs).long(), outputs.argmax(0))
    assert Classes().outputs(3) == 3


def test_more_classes_than_ids_are_refused():
    with pytest.raises(InputError, match="set target=classes"):
        Boundary(1).outputs(129)
