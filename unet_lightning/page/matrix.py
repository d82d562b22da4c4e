"""A confusion matrix as a picture with names and numbers."""

from collections.abc import Sequence
from math import ceil

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from unet_lightning.label import BLUE

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
CELL, GAP, LETTERS = 64, 8, 22  # sides in pixels; of a name as many letters at most
TITLES = ("predicted class", "labelled class (rows), percent of the row's pixels")


def matrix_picture(confusion: NDArray[np.int64], names: Sequence[str]) -> NDArray[np.uint8]:
    """(K, K) pixels of labelled (rows) by predicted classes (columns) to a picture (H, W, 3) uint8.

    Cells hold percentages of their row, empty where the row has no pixel. The names of columns stand upright. A name in
    letters that the font lacks, as Chinese ones, is replaced by the number of its class.
    """
    font = ImageFont.load_default(15)
    shown = [name if has_letters(font, name) else f"class {k}" for k, name in enumerate(names)]
    short = [name if len(name) <= LETTERS else f"{name[: LETTERS - 1]}…" for name in shown]
    beside = ceil(max(font.getlength(name) for name in short)) + 2 * GAP
    top, size = 24 + beside, CELL * len(names)
    width = max(beside + size + GAP, ceil(font.getlength(TITLES[1])) + 2 * GAP)
    page = Image.new("RGB", (width, top + size + 28), "white")
    draw = ImageDraw.Draw(page)
    draw.text((beside, 4), TITLES[0], "black", font)
    draw.text((GAP, top + size + 6), TITLES[1], "black", font)
    shares = confusion / np.maximum(1, confusion.sum(1, keepdims=True))
    for k, name in enumerate(short):
        middle = (k + 0.5) * CELL
        draw.text((beside - GAP, top + middle), name, "black", font, anchor="rm")
        page.paste(_upright(name, font), (round(beside + middle) - 10, top - GAP - ceil(font.getlength(name))))
        for m, share in enumerate(shares[k]):
            left, high = beside + m * CELL, top + k * CELL
            shade = tuple(round(255 + (channel - 255) * share) for channel in BLUE)
            draw.rectangle((left, high, left + CELL - 2, high + CELL - 2), shade)
            if confusion[k].sum():
                ink = "white" if share > 0.55 else "black"
                draw.text((left + CELL / 2 - 1, high + CELL / 2), f"{100 * share:.1f}", ink, font, anchor="mm")
    return np.asarray(page)


def has_letters(font: Font, text: str) -> bool:
    """Whether a font has every letter of a text: it draws the same box for all that it lacks.

    >>> font = ImageFont.load_default(15)
    >>> has_letters(font, "Zelle 3"), has_letters(font, "细胞")
    (True, False)
    """
    lacking = bytes(font.getmask("\uffff"))
    return not any(bytes(font.getmask(letter)) == lacking for letter in text if not letter.isspace())


def _upright(name: str, font: Font) -> Image.Image:
    """A name that reads from bottom to top."""
    text = Image.new("RGB", (ceil(font.getlength(name)), 20), "white")
    ImageDraw.Draw(text).text((0, 0), name, "black", font)
    return text.rotate(90, expand=True)
