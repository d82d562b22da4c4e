"""Scatter plots of named points, as self-contained SVG text."""

from collections.abc import Sequence
from html import escape
from itertools import product
from math import ceil, floor, log10

from unet_lightning.page.chart import INK, MARK, SOFT, even_ticks, line, short, svg, text

LETTER, ROW = 5.2, 11.0  # width and height of a small letter, in pixels
THOUSANDS = 1e5  # from which on a tick is written as 100k
Box = tuple[float, float, float, float]  # left, top, right, bottom


def scatter(points: Sequence[tuple[float, float, str, str]], name: str, score: str) -> str:
    """Points (x, y, label, title), the most important first: a label stands beside its point where it covers no other
    and no point; the title appears under the mouse. Positive x over a factor of 30 or more: a log axis.

    name, score: of the axes.
    """
    lowest, highest = (pick(point[0] for point in points) for pick in (min, max))
    log = lowest > 0 and highest / lowest >= 30
    columns = log_ticks(lowest, highest) if log else even_ticks(lowest, highest)
    rows = even_ticks(min(point[1] for point in points), max(point[1] for point in points))
    width, height, left, top, right, bottom = 560, 360, 64, 24, 24, 44

    def across(x: float) -> float:
        low, high, at = (log10(value) if log else value for value in (columns[0], columns[-1], x))
        return left + (at - low) / (high - low) * (width - left - right)

    def up(y: float) -> float:
        return height - bottom - (y - rows[0]) / (rows[-1] - rows[0]) * (height - top - bottom)

    elements = []
    for tick in rows:
        elements += [line(left, up(tick), width - right, up(tick)), text(left - 6, up(tick) + 4, f"{tick:g}", "end")]
    for tick in columns:
        elements += [line(across(tick), top, across(tick), height - bottom)]
        elements.append(text(across(tick), height - bottom + 18, f"{tick:g}" if abs(tick) < THOUSANDS else short(tick)))
    places = [(across(x), up(y)) for x, y, *_ in points]
    for (x, y), (*_, title) in zip(places, points, strict=True):
        dot = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{MARK}" fill-opacity="0.7">'
        elements.append(f"{dot}<title>{escape(title)}</title></circle>")
    taken = [(x - 5, y - 5, x + 5, y + 5) for x, y in places]
    for (x, y), (*_, label, _) in zip(places, points, strict=True):
        box = free_box(x, y, LETTER * len(label), taken, (left, top, width, height - bottom))
        if box:
            taken.append(box)
            elements.append(text(box[0], box[3] - 2, label, "start", INK, 'font-size="10"'))
    elements += [text((left + width - right) / 2, height - 8, name), text(left, 12, score, "start", SOFT)]
    return svg(width, height, *elements)


def free_box(x: float, y: float, width: float, taken: Sequence[Box], inside: Box) -> Box | None:
    """Where a text of this width fits beside a point without covering anything; None where it doesn't."""
    beside, over, under = y - ROW / 2, y - 7 - ROW, y + 7
    across = {"right": x + 7, "left": x - 7 - width, "middle": x - width / 2}
    sides = (("right", beside), ("left", beside), ("middle", over), ("middle", under), *product(across, (over, under)))
    for left, top in ((across[side], top) for side, top in sides):
        box = (left, top, left + width, top + ROW)
        within = box[0] >= inside[0] and box[1] >= inside[1] and box[2] <= inside[2] and box[3] <= inside[3]
        if within and not any(
            box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3] for other in taken
        ):
            return box
    return None


def log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten, and where there are few of them also 2 and 5 times these, from at most `low` to at least `high`.

    >>> log_ticks(3, 95), log_ticks(0.001, 20)
    ([2.0, 5.0, 10.0, 20.0, 50.0, 100.0], [0.001, 0.01, 0.1, 1.0, 10.0, 100.0])
    """
    powers = range(floor(log10(low)), ceil(log10(high)) + 1)
    factors = (1, 2, 5) if len(powers) <= 3 else (1,)
    ticks = [float(f"{factor}e{power}") for power in powers for factor in factors]
    first = max((n for n, tick in enumerate(ticks) if tick <= low), default=0)
    last = min((n for n, tick in enumerate(ticks) if tick >= high), default=len(ticks) - 1)
    return ticks[first : last + 1]
