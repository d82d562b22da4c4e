"""Stored label values to class ids, the error messages for unknown values, and the colours of classes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_lightning.error import InputError

RIM = 128  # is added to the class id of a predicted pixel that lies on the rim of an object (target=boundary)
Color = tuple[int, int, int]  # red, green, blue
ORANGE, SKY_BLUE, GREEN, YELLOW = (230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66)
BLUE, VERMILION, PURPLE = (0, 114, 178), (213, 94, 0), (204, 121, 167)
PALETTE = ((0, 0, 0), ORANGE, SKY_BLUE, GREEN, YELLOW, BLUE, VERMILION)  # Okabe and Ito: safe for colour-blind people


@dataclass(frozen=True)
class LabelEncoding:
    """The meaning of the values in a mask file.

    classes: their number K. ignore: the stored value of ignored pixels, which neither loss nor scores use. values:
    stored value to class id; None if they are the same. colors: RGB of every class, for colour-coded masks. threshold:
    stored values above it are class 1, the others class 0.
    """

    classes: int
    ignore: int | None = None
    values: Mapping[int, int] | None = None
    colors: Sequence[Sequence[int]] | None = None
    threshold: float | None = None
    table: dict[int, int] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        """InputError for an encoding that names classes which don't exist."""
        if self.values is not None and not set(self.values.values()) <= set(range(self.classes)):
            raise InputError(
                f"data.label_values={dict(self.values)} names ids beyond the classes 0..{self.classes - 1}"
            )
        if self.values is not None and self.ignore in self.values:
            raise InputError(f"data.ignore={self.ignore} is also a key of data.label_values; name it in one of them")
        if self.threshold is not None and self.classes != 2:
            raise InputError(
                f"data.threshold gives two classes, data.classes names {self.classes}; correct one of them"
            )
        if self.colors is not None and len(self.colors) != self.classes:
            raise InputError(
                f"data.colors names {len(self.colors)} colours for {self.classes} classes; give one for each class"
            )
        if self.colors is not None:
            self.table.update(zip(color_codes(np.array(self.colors)).tolist(), range(self.classes), strict=True))
        else:
            self.table.update(self.values or {k: k for k in range(self.classes)})

    def decode(self, stored: NDArray[Any]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Stored (H, W) values or (H, W, 3) colours to class ids (H, W) and valid (H, W), false where ignored.

        InputError for values or colours without a class.
        """
        if stored.ndim == 3:
            if self.colors is None:
                raise InputError(self._colours_found(stored))
            stored = color_codes(stored)
        if self.threshold is not None:
            valid = np.ones(stored.shape, bool) if self.ignore is None else stored != self.ignore
            return ((stored > self.threshold) & valid).astype(np.uint8), valid
        values, inverse = np.unique(stored, return_inverse=True)
        unknown = [int(v) for v in values if int(v) not in self.table and int(v) != self.ignore]
        if unknown:
            raise InputError(self._unknown([int(v) for v in values], unknown))
        valid = np.array([int(v) != self.ignore for v in values], bool)
        ids = np.array([self.table.get(int(v), 0) for v in values], np.uint8) * valid  # class 0 where ignored
        return ids[inverse].reshape(stored.shape), valid[inverse].reshape(stored.shape)

    def _unknown(self, values: list[int], unknown: list[int]) -> str:
        """What came, what was expected, and the override that mends it."""
        if self.colors is not None:
            came = ", ".join(str(color(v)) for v in unknown[:4])
            remedy = f"add them with their classes, or set data.ignore={unknown[0]} to ignore {color(unknown[0])}"
            return f"mask holds the colours {came}, which data.colors doesn't name; {remedy}"
        shown = ", ".join(str(v) for v in values[:8]) + (", …" if len(values) > 8 else "")
        given = self.values is not None
        expected = (
            f"the keys of data.label_values {sorted(self.table)}" if given else f"class ids 0..{self.classes - 1}"
        )
        if len(values) == self.classes and not given:
            mend = ",".join(f"{v}:{k}" for k, v in enumerate(values))
            remedy = f"set 'data.label_values={{{mend}}}'"
        elif unknown == [255]:
            remedy = "set data.ignore=255 if 255 means unlabelled"
            if self.classes == 2 and 1 not in values:
                remedy = "set 'data.label_values={0:0,255:1}' if 255 is the foreground; " + remedy
        elif self.classes == 2 and len(values) > 2 and min(values) == 0 and max(values) == 255:
            remedy = "it looks anti-aliased or compressed: set data.threshold=127, or export it without smoothing"
        else:
            remedy = "name all classes in data.classes, or map the values by data.label_values"
        return f"mask holds values {{{shown}}}; expected {expected}; {remedy}"

    def _colours_found(self, stored: NDArray[Any]) -> str:
        """An error message with an override that maps the most frequent colours to classes, most frequent first."""
        codes, counts = np.unique(color_codes(stored), return_counts=True)
        frequent = [list(color(int(c))) for c in codes[np.argsort(-counts)][: self.classes]]
        line = str(frequent).replace(" ", "")
        more = f" of {len(codes)} colours" if len(codes) > self.classes else ""
        return (
            f"mask is a colour picture; expected one class id per pixel; set 'data.colors={line}'{more}, class 0 first"
        )


def color(code: int) -> Color:
    """Red, green and blue of a code from `color_codes`."""
    return code >> 16 & 255, code >> 8 & 255, code & 255


def color_codes(colors: NDArray[Any]) -> NDArray[np.int32]:
    """(..., 3) colours to one whole number each, 65536 red + 256 green + blue, (...) int32."""
    red, green, blue = (colors[..., k].astype(np.int32) for k in range(3))
    return red << 16 | green << 8 | blue


def voc_palette(number: int) -> tuple[Color, ...]:
    """The colours of Pascal VOC: bits 0, 1, 2 of a class go to the highest bits of red, green, blue, and so on."""

    def channel(k: int, first: int) -> int:
        return sum((k >> (3 * level + first) & 1) << (7 - level) for level in range(8))

    return tuple((channel(k, 0), channel(k, 1), channel(k, 2)) for k in range(number))
