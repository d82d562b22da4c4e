"""One self-contained HTML page."""

import base64
import re
from collections.abc import Mapping, Sequence
from math import isnan
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from unet_lightning.label import BLUE
from unet_lightning.page.chart import inline
from unet_lightning.page.picture import ERROR_COLORS, encode_png, hexadecimal

TEMPLATES = Path(__file__).parent / "template"


def html(template: str, /, **content: Any) -> str:
    """A page of template/ with its contents; everything is escaped but drawings, which the filter `inline` takes."""
    rules = {"autoescape": True, "undefined": jinja2.ChainableUndefined, "trim_blocks": True}
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES), **rules)  # type: ignore[arg-type]
    environment.filters["inline"] = lambda drawing: Markup(inline(drawing))
    colors = [(name, hexadecimal(color)) for name, color in ERROR_COLORS.items()]
    return with_contents(environment.get_template(template).render(error_colors=colors, **content))


def with_contents(page: str) -> str:
    """A page whose headings have names, and links to them where it says `<nav></nav>`."""
    titles: list[str] = []

    def named(found: re.Match[str]) -> str:
        titles.append(found[1])
        return f'<h2 id="part{len(titles)}">{found[1]}</h2>'

    page = re.sub(r"<h2>(.*?)</h2>", named, page, flags=re.DOTALL)
    first = {title: number for number, title in reversed(list(enumerate(titles, 1)))}
    links = "".join(f'<a href="#part{number}">{title}</a>' for title, number in reversed(first.items()))
    return page.replace("<nav></nav>", f"<nav>{links}</nav>" if len(titles) > 1 else "", 1)


def matrix(confusion: NDArray[Any], names: Sequence[str]) -> dict[str, Any]:
    """A confusion matrix (K, K), rows labelled, as the template needs it: shares of each row as text and shade."""
    shares = confusion / np.maximum(1, confusion.sum(1, keepdims=True))
    rows = [
        {"name": name, "cells": [_cell(share, int(count)) for share, count in zip(row, counts, strict=True)]}
        for name, row, counts in zip(names, shares, confusion, strict=True)
    ]
    return {"names": list(names), "rows": rows}


def _cell(share: float, count: int) -> dict[str, str]:
    ink = "#fff" if share > 0.55 else "#222"
    return {"text": f"{100 * share:.2f} %", "shade": f"{share:.3f}", "ink": ink, "count": str(count)}


def histogram(values: Sequence[float], title: str, note: str, bins: int = 20) -> dict[str, Any]:
    """A histogram of numbers from 0 to 1, nan left out, as the template draws it."""
    there = [value for value in values if not isnan(value)]
    counts, edges = np.histogram(there, bins, (0, 1))
    height, width = 140 / max(1, counts.max()), 600 / bins
    bars = [
        {
            "x": 20 + k * width + 1,
            "middle": 20 + (k + 0.5) * width,
            "y": round(160 - count * height, 1),
            "width": width - 2,
            "height": round(count * height, 1),
            "count": int(count),
            "title": f"{edges[k]:.2f} to {edges[k + 1]:.2f}: {count} images",
        }
        for k, count in enumerate(counts)
    ]
    ticks = [{"x": 20 + 60 * k, "text": f"{k / 10:.1f}"} for k in range(11)]
    return {"title": title, "note": note, "color": hexadecimal(BLUE), "bars": bars, "ticks": ticks}


def embed_picture(picture: NDArray[np.uint8], caption: str) -> dict[str, str]:
    """A picture (H, W, 3) RGB as text inside a page."""
    return {"data": base64.b64encode(encode_png(picture)).decode(), "caption": caption}


def describe_values(protocol: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names and values as text, nested ones in one line."""
    return [(name.replace("_", " "), _text(value)) for name, value in protocol.items()]


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{k.removeprefix('_').removesuffix('_')} {_text(v)}" for k, v in value.items())
    return ", ".join(map(_text, value)) if isinstance(value, list | tuple) else str(value)
