"""Scatter plots: points to scale, round ticks, labels that cover nothing."""

from itertools import combinations
from xml.etree import ElementTree

import numpy as np
import pytest

from unet_lightning.page.scatter import LETTER, free_box, log_ticks, scatter


def elements(drawing, kind):
    return [e for e in ElementTree.fromstring(drawing).iter() if e.tag.endswith(kind)]


@pytest.mark.parametrize(("xs", "ticks"), [([1.0, 1000.0], "log"), ([1.0, 10.0], "linear"), ([5.0, 5.0], "linear")])
def test_points_stand_where_their_numbers_say(xs, ticks):
    points = [(xs[0], 0.0, "a", "a<b"), (xs[1], 1.0, "c", "c"), ((xs[0] * xs[1]) ** 0.5, 0.5, "m", "m")]
    circles = elements(scatter(points, "cost", "dice"), "circle")
    x, y = ([float(circle.get(axis)) for circle in circles] for axis in ("cx", "cy"))
    assert y[0] > y[2] > y[1]
    halfway = x[2] == pytest.approx((x[0] + x[1]) / 2, abs=0.2)
    assert halfway == (ticks == "log" or xs[0] == xs[1])
    assert [circle[0].text for circle in circles] == ["a<b", "c", "m"]


def test_ticks_are_round_numbers():
    drawing = scatter([(613.2, 0.8213, "a", ""), (618.7, 0.8794, "b", "")], "peak memory, MiB", "dice")
    words = [e.text for e in elements(drawing, "text")]
    assert [word for word in words if word.isdigit()] == ["613", "614", "615", "616", "617", "618", "619"]
    assert {"0.82", "0.83", "0.84", "0.85", "0.86", "0.87", "0.88"} <= set(words)
    assert log_ticks(1, 10) == [1, 2, 5, 10]


def test_the_first_points_are_labelled_and_no_label_covers_another_or_a_point():
    rng = np.random.default_rng(0)
    points = [(x, y, f"setting {n}", "") for n, (x, y) in enumerate(rng.uniform(0, 1, (60, 2)))]
    drawing = scatter(points, "cost", "dice")
    labels = [e for e in elements(drawing, "text") if (e.text or "").startswith("setting")]
    assert "setting 0" in {label.text for label in labels}
    assert 10 < len(labels) < 60
    boxes = [(float(e.get("x")), float(e.get("y")) - 9, LETTER * len(e.text), 11.0) for e in labels]
    for (x, y, width, height), (u, v, _, _) in combinations(boxes, 2):
        assert abs(y - v) >= height - 0.2 or x + width <= u + 0.2 or u + width <= x + 0.2
    for circle in elements(drawing, "circle"):
        cx, cy = float(circle.get("cx")), float(circle.get("cy"))
        assert not any(x < cx < x + width and y < cy < y + height for x, y, width, height in boxes)


def test_a_label_goes_to_the_first_side_that_is_free():
    inside = (0.0, 0.0, 100.0, 100.0)
    assert free_box(50, 50, 20, [], inside) == (57, 44.5, 77, 55.5)
    assert free_box(90, 50, 20, [], inside) == (63, 44.5, 83, 55.5)  # the right is outside
    assert free_box(50, 50, 20, [(60, 40, 70, 60), (30, 40, 40, 60)], inside) == (40, 32, 60, 43)  # above
    assert free_box(50, 50, 200, [], inside) is None
