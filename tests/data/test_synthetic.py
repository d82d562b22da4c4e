import cv2
import numpy as np

from unet_lightning.data.synthetic import find


def dataset(seed=0, **options):
    values = {"number": 4, "height": 90, "width": 120, "cells": 12, "noise": 0.05} | options
    return find(("background", "cell"), seed=seed, **values)


def test_the_same_seed_draws_the_same_pictures_and_another_seed_others():
    first, again, other = dataset(), dataset(), dataset(seed=1)
    for record in first.records:
        assert np.array_equal(first.read(record).image, again.read(record).image)
        assert not np.array_equal(first.read(record).image, other.read(record).image)


def test_size_number_and_consecutive_instances():
    made = dataset(number=3, height=50, width=70)
    assert len(made.records) == 3
    for record in made.records:
        sample = made.read(record)
        assert sample.image.shape == (50, 70, 1)
        assert sorted(np.unique(sample.instances)) == list(range(sample.instances.max() + 1))


def test_cells_touch_and_are_brighter_than_the_ground():
    made = dataset(cells=20)
    touching = 0
    for record in made.records:
        sample = made.read(record)
        for label in range(1, sample.instances.max() + 1):
            around = cv2.dilate((sample.instances == label).astype(np.uint8), np.ones((3, 3))) > 0
            touching += len(np.unique(sample.instances[around])) > 2
        assert sample.image[sample.mask == 1].mean() > sample.image[sample.mask == 0].mean() + 10
    assert touching >= 4
