"""Charts as self-contained SVG text: heat maps, curves, effects with their intervals."""

from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise
from math import ceil, floor, isfinite

from unet_lightning.label import BLUE, GREEN, ORANGE, PURPLE, SKY_BLUE, VERMILION
from unet_lightning.page.picture import hexadecimal

RAMP = ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37))  # viridis
INK, FAINT, SOFT, MARK = "#222", "#ccc", "#777", "#3b528b"
ON_BRIGHT, ON_DARK = "#111", "#fff"  # text on the colours of a map
COLORS = (*map(hexadecimal, (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY_BLUE)), "#777")
NAMESPACE = ' xmlns="http://www.w3.org/2000/svg"'
FONT = 'font-family="system-ui, sans-serif" font-size="12"'


def svg(width: float, height: float, *elements: str) -> str:
    """An SVG document of this size in pixels."""
    size = f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}"'
    return f'<svg{NAMESPACE} {size} {FONT} fill="{INK}">{"".join(elements)}</svg>'


def inline(drawing: str) -> str:
    """An SVG document as a part of an HTML page: without a name space, in the page's colours, dark ones at night."""
    drawing = drawing.replace(NAMESPACE, "", 1)
    for fixed, variable in ((INK, "ink"), (FAINT, "line"), (SOFT, "soft"), (MARK, "mark")):
        drawing = drawing.replace(f'"{fixed}"', f'"var(--{variable})"')
    return drawing


def text(x: float, y: float, content: str, anchor: str = "middle", fill: str = INK, extra: str = "") -> str:
    """An SVG text element; the content is escaped."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{fill}" {extra}>{escape(content)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, color: str = FAINT, width: float = 1) -> str:
    """An SVG line element."""
    place = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {place} stroke="{color}" stroke-width="{width}"/>'


def color(share: float) -> tuple[int, int, int]:
    """Red, green, blue between dark violet at 0 and yellow at 1 (viridis, interpolated between five points)."""
    place = min(max(share, 0.0), 1.0) * (len(RAMP) - 1)
    first = min(int(place), len(RAMP) - 2)
    mixed = (a + (b - a) * (place - first) for a, b in zip(RAMP[first], RAMP[first + 1], strict=True))
    red, green, blue = (round(channel) for channel in mixed)
    return red, green, blue


def heat_map(values: Mapping[tuple[str, str, str], float], names: tuple[str, str, str]) -> str:
    """Values by (panel, row, column) as one coloured table for each panel; a combination without a value stays empty.

    names: the names of what varies between panels, rows and columns.
    """
    panels, rows, columns = (list(dict.fromkeys(key[axis] for key in values)) for axis in range(3))
    low, high = min(values.values()), max(values.values())
    cell, tall = max(70, 8 * max(map(len, columns))), 34
    left, top = 16 + 7.5 * max(map(len, rows)), 52
    elements = []
    for index, panel in enumerate(panels):
        x0 = left + index * (len(columns) * cell + 24)
        heading = f"{names[0]}={panel}" if names[0] else ""
        elements.append(text(x0 + len(columns) * cell / 2, 16, heading, extra='font-weight="600"'))
        elements += [text(x0 + (n + 0.5) * cell, top - 8, column) for n, column in enumerate(columns)]
        for m, row in enumerate(rows):
            for n, column in enumerate(columns):
                value = values.get((panel, row, column))
                elements.append(_cell(x0 + n * cell, top + m * tall, cell, tall, value, (low, high)))
    elements += [text(left - 8, top + (m + 0.62) * tall, row, "end") for m, row in enumerate(rows)]
    width = left + len(panels) * (len(columns) * cell + 24)
    return svg(width, top + len(rows) * tall + 8, *elements)


def _cell(x: float, y: float, width: float, height: float, value: float | None, ends: tuple[float, float]) -> str:
    if value is None:
        box = f'<rect x="{x}" y="{y}" width="{width - 2}" height="{height - 2}" fill="none" stroke="{FAINT}"/>'
        return box + text(x + width / 2, y + height * 0.6, "–")
    share = (value - ends[0]) / (ends[1] - ends[0]) if ends[1] > ends[0] else 0.5
    fill = color(share)
    box = f'<rect x="{x}" y="{y}" width="{width - 2}" height="{height - 2}" fill="rgb{fill}"/>'
    return box + text(x + width / 2, y + height * 0.6, f"{value:.4f}", fill=ON_DARK if share < 0.6 else ON_BRIGHT)


def intervals(rows: Sequence[tuple[str, float, float]]) -> str:
    """Effects as points with their intervals (name, effect, half the interval's width) about a line at 0."""
    shown = [(name, effect, half if isfinite(half) else 0.0) for name, effect, half in rows if isfinite(effect)]
    reach = max([abs(effect) + half for _, effect, half in shown] or [0.0]) or 1.0
    left, middle, half_width, tall = 200, 400, 180, 22
    elements = [line(middle, 4, middle, 22 + tall * len(shown), SOFT)]
    for row, (name, effect, half) in enumerate(shown):
        y = 16 + row * tall
        x, spread = middle + effect / reach * half_width, half / reach * half_width
        elements += [text(left, y + 4, name, "end"), line(x - spread, y, x + spread, y, MARK, 3)]
        elements.append(f'<circle cx="{x:.1f}" cy="{y}" r="5" fill="{MARK}"/>')
    base = 36 + tall * len(shown)
    elements += [text(middle + side * half_width, base, f"{side * reach:+.4f}") for side in (-1, 1)]
    return svg(620, base + 8, *elements, text(middle, base, "0"))


def curves(
    lines: Mapping[str, Sequence[tuple[float, float, float, float]]], name: str, score: str, zero: bool = False
) -> str:
    """One line per name through its points (x, y, lower and upper end of the error bar or nan), x evenly spaced.

    zero: the vertical axis begins at 0, for amounts of one sign.
    """
    places = sorted({x for points in lines.values() for x, *_ in points})
    heights = [y for points in lines.values() for _, *found in points for y in found if isfinite(y)]
    ticks = even_ticks(0 if zero else min(heights), max(heights))
    left, top, bottom, height, step = 58, 20, 44, 280, max(26, 360 / len(places))
    width = left + step * len(places) + 20

    def up(y: float) -> float:
        return height - bottom - (y - ticks[0]) / (ticks[-1] - ticks[0]) * (height - top - bottom)

    elements = [line(left, up(tick), width - 20, up(tick)) for tick in ticks]
    elements += [text(left - 6, up(tick) + 4, f"{tick:g}", "end") for tick in ticks]
    elements += [text(left + (n + 0.5) * step, height - bottom + 18, f"{x:g}") for n, x in enumerate(places)]
    for n, (title, points) in enumerate(lines.items()):
        mark, shift = COLORS[n % len(COLORS)], (n - (len(lines) - 1) / 2) * 7
        drawn = [(left + (places.index(x) + 0.5) * step + shift, *map(up, found)) for x, *found in sorted(points)]
        elements += [line(a[0], a[1], b[0], b[1], mark, 1.5) for a, b in pairwise(drawn)]
        elements += [line(x, low, x, high, mark, 2) for x, _, low, high in drawn if isfinite(low)]
        elements += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{mark}"/>' for x, y, *_ in drawn]
        y = 26 + 20 * n
        elements += [line(width, y, width + 20, y, mark, 3), text(width + 26, y + 4, title, "start")]
    elements += [text((left + width) / 2, height - 8, name), text(left, 12, score, "start", SOFT)]
    return svg(width + 40 + 8 * max(map(len, lines)), height, *elements)


def even_ticks(low: float, high: float) -> list[float]:
    """At most seven evenly spaced round numbers, from at most `low` to at least `high`."""
    high = high if high > low else low + (abs(low) or 1.0) / 10
    steps = (factor * 10.0**power for power in range(-6, 9) for factor in (1, 2, 5))
    step = next(step for step in steps if ceil(high / step) - floor(low / step) <= 6)
    return [round(number * step, 9) for number in range(floor(low / step), ceil(high / step) + 1)]


def short(value: float) -> str:
    """Three digits, thousands as k and millions as M."""
    scale, unit = next(((s, u) for s, u in ((1e6, "M"), (1e4, "k")) if abs(value) >= s), (1.0, ""))
    return f"{value / (1e3 if unit == 'k' else scale):.3g}{unit}"
