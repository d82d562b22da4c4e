import re
from xml.etree import ElementTree

from unet_lightning.page.chart import SOFT
from unet_lightning.page.line_chart import line_chart


def test_points_lie_where_a_logarithmic_axis_puts_them():
    drawn = line_chart(
        {"loss": [(1e-4, 1.0), (1e-3, 0.5), (1e-2, 0.0)]}, "rate", "loss", log=True, marks={"best": 1e-3}
    )
    tree = ElementTree.fromstring(drawn)
    lines = [node.attrib for node in tree if node.tag.endswith("line")]
    path = [line for line in lines if line["stroke-width"] == "1.5"]
    assert len(path) == 2
    left, middle, right = float(path[0]["x1"]), float(path[0]["x2"]), float(path[1]["x2"])
    assert middle - left == right - middle > 0  # equal factors are equal distances
    assert float(path[0]["y1"]) < float(path[0]["y2"]) < float(path[1]["y2"])  # a lower loss lies lower
    assert any(line["x1"] == line["x2"] == path[0]["x2"] for line in lines if line["stroke"] == SOFT)
    assert re.findall(">(1e-.)<", drawn) == ["1e-4", "1e-3", "1e-2"]
