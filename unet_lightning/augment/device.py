"""The image's part of augmentation on the device that trains: resampled there by the map that the loader made."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import grid_sample, pad
from torch.utils.data import default_collate

from unet_lightning.augment.intensity import Intensity
from unet_lightning.augment.warp import Coordinates, locate
from unet_lightning.tiling.window import window


class Unread(NamedTuple):
    """A crop's image, or those of a batch with B first, before it is resampled, normalised and changed.

    part: (C, H, W) uint8 or float32, what is read of the image; in a batch filled up to the largest. where: (2, h, w)
    float32 rows and columns in it. shift, scale: (C,) float32. inside: (h, w) uint8, 0 where the normalised image
    becomes 0 before its values are changed; something: the same after it, for the channels that stay 0 there; or None.
    changes: of each crop the changes of values by their number, with what was drawn for them.
    """

    part: Tensor
    where: Tensor
    shift: Tensor
    scale: Tensor
    inside: Tensor | None
    something: Tensor | None
    changes: list[Any]


def unread(
    image: Any,
    where: Coordinates,
    numbers: tuple[NDArray[np.float32], NDArray[np.float32]],
    zero: Sequence[NDArray[np.uint8] | None],
    changes: Sequence[tuple[int, Any]],
) -> Unread:
    """What the device needs of a crop. image: (H, W, C) or whatever is read by slices.

    where: rows and columns (2, h, w). numbers: shift and scale. zero: `inside` and `something`. changes: of the crop.
    """
    place = locate(where)
    kind = np.uint8 if image.dtype == np.uint8 else np.float32
    part = np.array(window(image, *place.box).transpose(2, 0, 1), kind, order="C")
    places = torch.from_numpy(np.stack([place.rows, place.columns]))
    shift, scale = (torch.tensor(array) for array in numbers)
    inside, something = (None if mark is None else torch.from_numpy(np.ascontiguousarray(mark)) for mark in zero)
    drawn = [(k, torch.from_numpy(one) if isinstance(one, np.ndarray) else one) for k, one in changes]
    return Unread(torch.from_numpy(part), places, shift, scale, inside, something, [drawn])


def collate(items: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A batch of crops whose images are unread."""
    images = [item["image"] for item in items]
    height, width = (max(image.part.shape[axis] for image in images) for axis in (1, 2))
    parts = [pad(image.part, (0, width - image.part.shape[2], 0, height - image.part.shape[1])) for image in images]
    columns = list(zip(*images, strict=True))[1:-1]
    where, shift, scale, inside, something = (None if column[0] is None else torch.stack(column) for column in columns)
    changes = [drawn for image in images for drawn in image.changes]
    rest = [{key: value for key, value in item.items() if key != "image"} for item in items]
    unread = Unread(torch.stack(parts), where, shift, scale, inside, something, changes)  # type: ignore[arg-type]
    return {"image": unread, **default_collate(rest)}


@torch.no_grad()
def read(batch: Unread, intensity: Sequence[Intensity], masked: Sequence[int]) -> Tensor:
    """Normalised, augmented images (B, C, h, w) float32 on the batch's device, without waiting for it.

    masked: the channels that become 0 where there isn't `something`.
    """
    images = resample(batch.part.float(), batch.where)
    images = (images - batch.shift[..., None, None]) / batch.scale[..., None, None]
    if batch.inside is not None:
        images *= batch.inside[:, None]
    for image, changes in zip(images, batch.changes, strict=True):
        for number, drawn in changes:
            image.copy_(intensity[number].change(image, drawn))
    if batch.something is not None:
        for channel in masked:
            images[:, channel] *= batch.something
    return images


def resample(parts: Tensor, where: Tensor) -> Tensor:
    """(B, C, H, W) float32 read at rows and columns (B, 2, h, w), between four pixels linearly: (B, C, h, w)."""
    sides = parts.shape[2:]
    rows, columns = (where[:, axis] * (2 / max(1, sides[axis] - 1)) - 1 for axis in (0, 1))
    return grid_sample(parts, torch.stack([columns, rows], 3), mode="bilinear", align_corners=True)
