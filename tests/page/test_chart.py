import re
from math import nan
from xml.etree import ElementTree

import pytest

from unet_lightning.page.chart import RAMP, color, curves, even_ticks, heat_map, inline, intervals


def words(drawing):
    return [element.text for element in ElementTree.fromstring(drawing).iter() if element.text]


def test_a_heat_map_shows_every_value_once_and_empty_cells_as_a_dash():
    values = {("add", "ce", "unpool"): 0.5, ("add", "dice", "unpool"): 0.25, ("concat", "ce", "bilinear"): 0.75}
    shown = words(heat_map(values, ("fusion", "loss", "upsample")))
    assert [word for word in shown if word.startswith("0.")] == ["0.5000", "0.2500", "0.7500"]
    assert shown.count("–") == 2 * 2 * 2 - 3
    assert {"fusion=add", "fusion=concat", "ce", "dice", "unpool", "bilinear"} <= set(shown)


def test_the_largest_value_is_yellow_and_the_smallest_violet():
    drawing = heat_map({("", "a", "c"): 1.0, ("", "b", "c"): 2.0}, ("", "r", "s"))
    assert re.findall(r"rgb(\([^)]*\))", drawing) == [str(RAMP[0]), str(RAMP[-1])]
    assert color(0.125) == (64, 42, 112)


def test_a_drawing_in_a_page_has_the_colours_of_the_page():
    drawing = inline(intervals([("a", 0.01, 0.005)]))
    assert "xmlns" not in drawing
    assert not re.findall(r'"(#222|#ccc|#777|#3b528b)"', drawing)
    assert {"--ink", "--soft", "--mark"} <= set(re.findall(r"var\((--\w+)\)", drawing))


def test_effects_are_drawn_to_scale_and_unknown_ones_left_out():
    drawing = intervals([("a", 0.01, 0.005), ("b", -0.01, 0.01), ("c", float("nan"), float("nan"))])
    circles = [e for e in ElementTree.fromstring(drawing).iter() if e.tag.endswith("circle")]
    right, left = (float(circle.get("cx")) - 400 for circle in circles)
    assert right == -left == 90
    assert "+0.0200" in words(drawing)
    assert "c" not in words(drawing)


def test_curves_join_the_points_of_a_line_in_order_and_show_intervals():
    drawn = curves({"a": [(8, 0.9, 0.8, 1.0), (2, 0.5, 0.5, 0.6)], "b": [(4, 0.7, nan, nan)]}, "frames", "IoU")
    root = ElementTree.fromstring(drawn)
    dots = [(float(e.get("cx")), float(e.get("cy"))) for e in root if e.tag.endswith("circle")]
    assert len(dots) == 3
    assert dots[0][0] < dots[2][0] < dots[1][0]  # 2, 4, 8 from left to right
    assert dots[1][1] < dots[2][1] < dots[0][1]  # more is higher
    texts = [e.text for e in root if e.tag.endswith("text")]
    assert [t for t in texts if t in ("2", "4", "8")] == ["2", "4", "8"]
    assert {"a", "b", "frames", "IoU"} <= set(texts)


def test_the_axis_of_amounts_begins_at_zero():
    line = {"a": [(1, 0.8, nan, nan), (2, 0.9, nan, nan)]}
    assert ">0</text>" not in curves(line, "objects", "s")
    assert ">0</text>" in curves(line, "objects", "s", zero=True)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.12, 0.88, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (-0.01, 0.85, [-0.2, 0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0.711, 0.723, [0.71, 0.715, 0.72, 0.725]),
        (3, 3, [3, 3.05, 3.1, 3.15, 3.2, 3.25, 3.3]),
        (20, 5300, [0, 1000, 2000, 3000, 4000, 5000, 6000]),
    ],
)
def test_ticks_are_round_and_hold_both_ends(low, high, expected):
    assert even_ticks(low, high) == pytest.approx(expected)
