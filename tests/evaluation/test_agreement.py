"""Predicted objects beside labelled ones: columns, differences worked by hand, and the plot."""

import numpy as np
import pytest

from unet_lightning.evaluation.agreement import Agreement, agreement_table
from unet_lightning.page.bland_altman import bland_altman
from unet_lightning.reading.pixel_size import PixelSize
from unet_lightning.sample import Sample


def sample(*boxes, valid=None):
    """A sample of 10 x 20 pixels with objects of whole boxes (top, left, bottom, right)."""
    objects = np.zeros((10, 20), np.int32)
    for number, (top, left, bottom, right) in enumerate(boxes, 1):
        objects[top:bottom, left:right] = number
    valid = np.ones(objects.shape, bool) if valid is None else valid
    return Sample(np.full((10, 20, 1), 7, np.uint8), (objects > 0).astype(np.uint8), valid, objects)


def test_differences_and_limits_worked_by_hand():
    agreement, chance = Agreement(), np.full((10, 20), 0.75, np.float32)
    one, two = (0, 0, 4, 5), (5, 5, 9, 10)  # 20 pixels each
    for name, label, predicted in (("a", [one], [one, two]), ("b", [one, two], [one, two]), ("c", [one], [])):
        agreement.add(name, sample(*label), sample(*predicted).instances, chance, PixelSize(0.5, 0.5, "um"))
    found = agreement.differences()
    spread = 1.96 * np.std([1, 0, -1], ddof=1)
    assert found["count"] == {"difference": 0, "low": -spread, "high": spread, "images": 3}
    assert found["mean_area_px"] == {"difference": 0, "low": 0, "high": 0, "images": 2}  # none of c has a size
    assert [(row["side"], row["count"]) for row in agreement.images[:2]] == [("label", 1), ("prediction", 2)]
    assert agreement.images[0]["mean_area_um2"] == 5
    rows = [row for row in agreement.objects if row["picture"] == "a"]
    assert [(row["side"], row["object"], row["area_px"], row["mean_1"]) for row in rows] == [
        *(("label", 1, 20, 7), ("prediction", 1, 20, 7), ("prediction", 2, 20, 7)),
    ]
    assert "mean_probability" not in rows[0]
    assert rows[1]["mean_probability"] == 0.75
    assert agreement_table(found).rows[0][1:3] == ["3", "0.00"]


def test_objects_that_are_not_scored_are_not_measured():
    valid = np.ones((10, 20), bool)
    valid[5:] = False
    agreement = Agreement()
    label = sample((0, 0, 4, 5), valid=valid)
    agreement.add("a", label, sample((0, 0, 4, 5), (6, 5, 9, 10)).instances, np.zeros((10, 20), np.float32), None)
    assert [row["count"] for row in agreement.images] == [1, 1]


def test_a_plot_shows_every_image_and_escapes_its_name():
    drawn = bland_altman([(10, 12), (20, 18)], (0, -5.5, 5.5), "objects", ["<a>", "b"])
    assert drawn.count("<circle") == 2
    assert "&lt;a&gt;: 10 labelled, 12 predicted" in drawn
    assert "upper 5.5" in drawn
    single = bland_altman([(3, 3)], (0, float("nan"), float("nan")), "objects")
    assert "upper" not in single
    assert "nan" not in single


def test_no_image_with_objects_has_no_table():
    assert Agreement().differences() == {}
    assert Agreement().charts() == []


@pytest.mark.parametrize("number", [1, 3])
def test_limits_need_two_images(number):
    agreement = Agreement()
    for k in range(number):
        agreement.add(str(k), sample((0, 0, 4, 5)), sample((0, 0, 4, 5)).instances, np.ones((10, 20), np.float32), None)
    assert np.isnan(agreement.differences()["count"]["low"]) == (number == 1)
