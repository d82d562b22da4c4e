"""Bland-Altman plots: how much two measurements of the same thing differ, against their mean."""

from collections.abc import Sequence
from html import escape
from math import isfinite

from unet_lightning.page.chart import FAINT, INK, MARK, SOFT, even_ticks, line, short, svg, text


def bland_altman(
    pairs: Sequence[tuple[float, float]], lines: tuple[float, float, float], title: str, names: Sequence[str] = ()
) -> str:
    """An SVG of points (label, prediction): mean of both across, prediction less label up.

    lines: mean difference, lower and upper limit of agreement; the limits may be nan. names: of the points, shown
    under the mouse.
    """
    across = [(one + other) / 2 for one, other in pairs]
    apart = [other - one for one, other in pairs]
    x_ticks = even_ticks(min(across), max(across))
    y_ticks = even_ticks(min(0.0, *apart, *filter(isfinite, lines)), max(0.0, *apart, *filter(isfinite, lines)))
    width, height, left, top, right, bottom = 500, 312, 64, 44, 96, 44

    def place(x: float, y: float) -> tuple[float, float]:
        share = (x - x_ticks[0]) / (x_ticks[-1] - x_ticks[0]), (y - y_ticks[0]) / (y_ticks[-1] - y_ticks[0])
        return left + share[0] * (width - left - right), height - bottom - share[1] * (height - top - bottom)

    elements = [text(left, 16, title, "start", extra='font-weight="600"')]
    for tick in y_ticks:
        y = place(x_ticks[0], tick)[1]
        elements += [line(left, y, width - right, y), text(left - 6, y + 4, f"{tick:g}", "end")]
    elements += [text(place(tick, 0)[0], height - bottom + 18, f"{tick:g}") for tick in x_ticks]
    zero = place(x_ticks[0], 0.0)[1]
    elements.append(line(left, zero, width - right, zero, INK))
    for value, word in zip(lines, ("mean", "lower", "upper"), strict=True):
        if isfinite(value):
            y, shown = place(x_ticks[0], value)[1], f"{value:.1f}" if abs(value) < 1e4 else short(value)
            elements.append(line(left, y, width - right, y, MARK, 2 if word == "mean" else 1))
            elements.append(text(width - right + 6, y + 4, f"{word} {shown}", "start", MARK))
    for k, (x, y) in enumerate(map(place, across, apart)):
        name = escape(f"{names[k]}: " if names else "")
        circle = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{MARK}" fill-opacity="0.6" stroke="{FAINT}">'
        elements.append(f"{circle}<title>{name}{pairs[k][0]:g} labelled, {pairs[k][1]:g} predicted</title></circle>")
    elements.append(text((left + width - right) / 2, height - 8, "mean of label and prediction"))
    return svg(width, height, *elements, text(left, top - 10, "prediction − label", "start", SOFT))
