"""Lines through points of two measured axes, as self-contained SVG text."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import floor, log10

from unet_lightning.page.chart import COLORS, SOFT, even_ticks, line, svg, text


def line_chart(
    lines: Mapping[str, Sequence[tuple[float, float]]],
    name: str,
    score: str,
    log: bool = False,
    marks: Mapping[str, float] | None = None,
) -> str:
    """One line for each title, through its points (x, y) in their order; an empty title isn't shown.

    name, score: of the axes. log: x, positive, on an axis of powers of ten. marks: vertical lines at these x.
    """
    across = log10 if log else float
    drawn = {title: [(across(x), y) for x, y in points] for title, points in lines.items()}
    marked = {title: across(x) for title, x in (marks or {}).items()}
    xs = [x for points in drawn.values() for x, _ in points] + [*marked.values()]
    ys = [y for points in drawn.values() for _, y in points]
    columns = [float(n) for n in range(floor(min(xs)), -floor(-max(xs)) + 1)] if log else even_ticks(min(xs), max(xs))
    rows = even_ticks(min(ys), max(ys))
    left, top, bottom, height, width = 58, 24, 44, 300, 560

    def place(x: float, y: float) -> tuple[float, float]:
        return (
            left + (x - columns[0]) / (columns[-1] - columns[0]) * (width - left - 20),
            height - bottom - (y - rows[0]) / (rows[-1] - rows[0]) * (height - top - bottom),
        )

    elements = []
    for y in rows:
        elements += [line(left, place(columns[0], y)[1], width - 20, place(columns[0], y)[1])]
        elements.append(text(left - 6, place(columns[0], y)[1] + 4, f"{y:g}", "end"))
    for x in columns:
        label = f"1e{x:.0f}" if log else f"{x:g}"
        elements.append(text(place(x, rows[0])[0], height - bottom + 18, label))
    for n, (title, points) in enumerate(drawn.items()):
        color = COLORS[n % len(COLORS)]
        elements += [line(*place(*a), *place(*b), color, 1.5) for a, b in pairwise(points)]
        if title:
            elements.append(text(width - 24, top + 14 + 16 * n, title, "end", color))
    for title, x in marked.items():
        column = place(x, rows[0])[0]
        elements += [line(column, top, column, height - bottom, SOFT), text(column, top - 6, title)]
    elements += [text((left + width) / 2, height - 8, name), text(left, 12, score, "start", SOFT)]
    return svg(width, height, *elements)
