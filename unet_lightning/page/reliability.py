"""Reliability diagrams: how often predictions of a probability are right, beside the diagonal where both agree."""

from collections.abc import Sequence
from html import escape

from unet_lightning.page.chart import FAINT, INK, MARK, SOFT, line, svg, text

SIDE, LEFT, TOP, FOOT = 300, 64, 44, 70  # pixels: of the square, beside and above it, and of the shares below it


def reliability_diagram(bins: Sequence[tuple[float, float, float, float, float]], title: str) -> str:
    """An SVG of bins (low, high, share of the pixels, mean probability, accuracy), those without pixels left empty.

    A bar's height is the accuracy; the line from it to the dot is how far the mean probability is apart. Shares of the
    pixels are shown below.
    """
    elements = [text(LEFT, 16, title, "start", extra='font-weight="600"')]
    bottom, base = TOP + SIDE, TOP + SIDE + 24 + FOOT
    for k in range(6):
        tick = k / 5
        x, y = LEFT + tick * SIDE, bottom - tick * SIDE
        elements += [line(LEFT, y, LEFT + SIDE, y), text(LEFT - 6, y + 4, f"{tick:g}", "end")]
        elements.append(text(x, base + 18, f"{tick:g}"))
    for low, high, share, probability, accuracy in bins:
        if share <= 0:
            continue
        x, width = LEFT + low * SIDE + 1, (high - low) * SIDE - 2
        said = f"{low:.3f} to {high:.3f}: mean probability {probability:.3f}, accuracy {accuracy:.3f}, "
        hover = f"<title>{escape(said)}{100 * share:.2g} % of the pixels</title>"
        for top, height, end in ((accuracy, SIDE, bottom), (share, FOOT, base)):
            box = f'x="{x:.1f}" y="{end - top * height:.1f}" width="{width:.1f}" height="{top * height:.1f}"'
            elements.append(f'<rect {box} fill="{MARK}" fill-opacity="0.6">{hover}</rect>')
        place = LEFT + probability * SIDE
        elements.append(line(place, bottom - accuracy * SIDE, place, bottom - probability * SIDE, INK, 1.5))
        circle = f'cx="{place:.1f}" cy="{bottom - probability * SIDE:.1f}" r="3" fill="{INK}"'
        elements.append(f"<circle {circle}>{hover}</circle>")
    elements += [line(LEFT, bottom, LEFT + SIDE, TOP, SOFT), line(LEFT, base, LEFT + SIDE, base, FAINT)]
    elements.append(text(LEFT - 6, base - FOOT / 2 + 4, "pixels", "end", SOFT))
    elements.append(text(LEFT + SIDE / 2, base + 36, "probability of the most probable class"))
    return svg(LEFT + SIDE + 24, base + 48, *elements, text(LEFT, TOP - 10, "accuracy", "start", SOFT))
