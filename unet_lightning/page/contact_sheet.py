"""A contact sheet: thumbnails with their labels drawn over them, their names, and a legend of the colours."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from unet_lightning.label import Color
from unet_lightning.page.picture import displayable, labels_over, outlines_over
from unet_lightning.sample import Sample

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
SIDE, CAPTION, GAP, COLUMNS = 240, 18, 8, 6
WIDTH = COLUMNS * (SIDE + GAP) + GAP
DETAIL = 1024  # longest side at which labels are drawn, before the picture is made small


def labelled_thumbnail(sample: Sample, colors: Sequence[Color]) -> NDArray[np.uint8]:
    """(h, w, 3) uint8: classes coloured, objects outlined in white, ignored pixels striped; the longer side is SIDE."""
    height, width = sample.mask.shape
    factor = min(1.0, DETAIL / max(height, width))
    size = max(1, round(width * factor)), max(1, round(height * factor))
    mask, ignored = (_small(label, size) for label in (sample.mask, (~sample.valid).view(np.uint8)))
    shown = cv2.resize(displayable(sample.image), size, interpolation=cv2.INTER_AREA).astype(np.uint8)
    drawn = labels_over(shown, mask, colors, 0.4)
    if sample.instances is not None:
        drawn = outlines_over(drawn, _small(sample.instances, size))
    rows, columns = np.indices(mask.shape)
    drawn[(ignored > 0) & ((rows + columns) // 4 % 2 == 0)] = 128
    small = SIDE / max(size)
    box = max(1, round(size[0] * small)), max(1, round(size[1] * small))
    return cv2.resize(drawn, box, interpolation=cv2.INTER_AREA if small < 1 else cv2.INTER_NEAREST).astype(np.uint8)


def contact_sheet(
    tiles: Sequence[NDArray[np.uint8]], captions: Sequence[str], title: str, legend: Sequence[tuple[str, Color]]
) -> NDArray[np.uint8]:
    """Tiles (h, w, 3) in rows of six under a title and a legend, (H, W, 3) uint8."""
    font = ImageFont.load_default(13)
    pieces = [_line(title, font), *_legend(legend, font)]
    for start in range(0, len(tiles), COLUMNS):
        part = slice(start, start + COLUMNS)
        pieces.append(_row(tiles[part], captions[part], font))
    return np.concatenate(pieces)


def _line(text: str, font: Font) -> NDArray[np.uint8]:
    page = _paper(CAPTION + 4)
    ImageDraw.Draw(page).text((GAP, 4), _fitting(text, font, WIDTH - 2 * GAP), "black", font)
    return np.asarray(page)


def _legend(legend: Sequence[tuple[str, Color]], font: Font) -> list[NDArray[np.uint8]]:
    """As many lines as the names of the classes need."""
    pages, place = [_paper(CAPTION)], GAP
    for name, color in legend:
        length = int(font.getlength(name)) + 18
        if place > GAP and place + length > WIDTH:
            pages.append(_paper(CAPTION))
            place = GAP
        draw = ImageDraw.Draw(pages[-1])
        draw.rectangle((place, 3, place + 12, 15), color, "black")
        draw.text((place + 18, 1), name, "black", font)
        place += length + 18
    return [np.asarray(page) for page in pages]


def _row(tiles: Sequence[NDArray[np.uint8]], captions: Sequence[str], font: Font) -> NDArray[np.uint8]:
    """A row of pictures with their names below them, as high as the highest picture needs."""
    height = max(len(picture) for picture in tiles)
    page = _paper(height + CAPTION + GAP)
    for k, (picture, caption) in enumerate(zip(tiles, captions, strict=True)):
        left = GAP + k * (SIDE + GAP)
        page.paste(Image.fromarray(picture), (left, GAP))
        ImageDraw.Draw(page).text((left, GAP + height + 1), _fitting(caption, font, SIDE), "black", font)
    return np.asarray(page)


def _paper(height: int) -> Image.Image:
    return Image.new("RGB", (WIDTH, height), "white")


def _small(label: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    return cv2.resize(label, size, interpolation=cv2.INTER_NEAREST)


def _fitting(text: str, font: Font, width: int) -> str:
    """The text, or its first word and its end where it is too long."""
    head, _, rest = text.partition(" ")
    while rest and font.getlength(text) > width:
        rest = rest[1:]
        text = f"{head} …{rest}"
    return text
