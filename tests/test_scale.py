"""docs/scale.md shows what was measured: its table and its charts are those of docs/scale/figures.json."""

import json
from pathlib import Path

from tests.bench_scale import PLACE, draw, table

FIGURES = json.loads((PLACE / "figures.json").read_text(encoding="utf-8"))


def test_the_page_shows_the_measured_growth():
    page = Path(PLACE.parent, "scale.md").read_text(encoding="utf-8")
    assert table(FIGURES["growth"]) in page
    drawn = draw(FIGURES["growth"])
    assert drawn.keys() == {path.name for path in PLACE.glob("*.svg")}
    for name, drawing in drawn.items():
        assert (PLACE / name).read_text(encoding="utf-8") == drawing + "\n"
        assert f"](scale/{name})" in page
    for value in [*FIGURES["many_records"].values(), *(value for row in FIGURES["strips"]["rows"] for value in row)]:
        assert f"{value:g}" in page, value
