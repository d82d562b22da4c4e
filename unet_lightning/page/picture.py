"""Pictures for people: labels drawn over images, and the errors of a prediction."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from unet_lightning.label import BLUE, PURPLE, VERMILION, Color

ERROR_COLORS = {"false negatives": BLUE, "false positives": VERMILION, "confused classes": PURPLE}
ERROR_LEGEND = "false negatives blue, false positives orange, confused classes pink"


def displayable(image: NDArray[Any], limits: tuple[float, float] | None = None) -> NDArray[np.uint8]:
    """(H, W, C) of any dtype to (H, W, 3) uint8 from its first three channels, or from the first if there are fewer.

    limits: values that become black and white; the 1st and the 99.8th percentile by default.
    """
    shown = image[..., :3] if image.shape[2] >= 3 else image[..., :1]
    low, high = limits or np.percentile(shown, (1, 99.8))
    scaled = (shown.astype(np.float32) - low) / max(high - low, 1e-6) * 255
    return np.broadcast_to(scaled.clip(0, 255).astype(np.uint8), (*image.shape[:2], 3)).copy()


def labels_over(
    picture: NDArray[np.uint8], mask: NDArray[Any], colors: Sequence[Color], opacity: float = 0.5
) -> NDArray[np.uint8]:
    """Class ids (H, W) in colour over a picture (H, W, 3) uint8; class 0 stays transparent."""
    table = np.array(colors, np.float32)
    mixed = (1 - opacity) * picture + opacity * table[mask]
    return np.where((mask > 0)[..., None], mixed, picture).astype(np.uint8)


def outlines_over(picture: NDArray[np.uint8], objects: NDArray[Any]) -> NDArray[np.uint8]:
    """The inner border of every object (H, W) in white over a picture (H, W, 3) uint8."""
    border = np.zeros(objects.shape, bool)
    border[:-1] |= objects[:-1] != objects[1:]
    border[1:] |= objects[1:] != objects[:-1]
    border[:, :-1] |= objects[:, :-1] != objects[:, 1:]
    border[:, 1:] |= objects[:, 1:] != objects[:, :-1]
    return np.where((border & (objects > 0))[..., None], 255, picture).astype(np.uint8)


def errors_over(
    picture: NDArray[np.uint8],
    mask: NDArray[Any],
    prediction: NDArray[Any],
    valid: NDArray[np.bool_],
) -> NDArray[np.uint8]:
    """A picture (H, W, 3) in dark grey with wrong pixels in ERROR_COLORS and ignored pixels black.

    mask, prediction: (H, W) class ids. valid: (H, W) bool, false where ignored.
    """
    grey: NDArray[Any] = picture.mean(2, keepdims=True).repeat(3, 2) * 0.4
    kinds = ((mask > 0) & (prediction == 0), (mask == 0) & (prediction > 0), (mask > 0) & (prediction > 0))
    for kind, color in zip(kinds, ERROR_COLORS.values(), strict=True):
        grey[kind & (mask != prediction) & valid] = color
    grey[~valid] = 0
    return grey.astype(np.uint8)


def hexadecimal(color: Color) -> str:
    """A colour in the form #rrggbb."""
    return "#{:02x}{:02x}{:02x}".format(*color)


def heat(values: NDArray[Any], largest: float | None = None) -> NDArray[np.uint8]:
    """(H, W) numbers from 0 to `largest`, by default their maximum, as colours from black to yellow (H, W, 3) uint8."""
    top = float(values.max()) if largest is None else largest
    grey = (values / max(top, 1e-9) * 255).clip(0, 255).astype(np.uint8)
    return cv2.applyColorMap(grey, cv2.COLORMAP_INFERNO)[..., ::-1].astype(np.uint8)


def panel(
    image: NDArray[Any],
    mask: NDArray[Any],
    prediction: NDArray[Any],
    valid: NDArray[np.bool_],
    colors: Sequence[Color],
) -> NDArray[np.uint8]:
    """Input, label, prediction and error side by side, (H, 4 W + 12, 3) uint8, with white gaps."""
    picture = displayable(image)
    parts = [
        picture,
        labels_over(picture, mask, colors),
        labels_over(picture, prediction, colors),
        errors_over(picture, mask, prediction, valid),
    ]
    gap = np.full((picture.shape[0], 4, 3), 255, np.uint8)
    return np.hstack([piece for part in parts for piece in (part, gap)][:-1])


def encode_png(picture: NDArray[Any]) -> bytes:
    """(H, W), or (H, W, C) of one or three channels in RGB order, 8 or 16 bit, as the content of a PNG file."""
    done, data = cv2.imencode(".png", picture[..., ::-1] if picture.ndim == 3 else picture)
    assert done
    return data.tobytes()
