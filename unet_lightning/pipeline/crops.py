"""Augmented training crops."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from unet_lightning.augment.compose import Augment, crop_rim
from unet_lightning.augment.device import Unread, unread
from unet_lightning.augment.warp import Region
from unet_lightning.normalize.base import Affine, Normalize, normalize_image
from unet_lightning.normalize.empty import holds_something
from unet_lightning.normalize.view import PixelView
from unet_lightning.pipeline.cache.entry import Entry
from unet_lightning.pipeline.cache.store import Store
from unet_lightning.pipeline.foreground import Foreground
from unet_lightning.pipeline.randomness import SampleKey
from unet_lightning.pipeline.ridge import cut_ridge
from unet_lightning.pipeline.sampler import Draw
from unet_lightning.record import Record
from unet_lightning.target.base import Target
from unet_lightning.target.classes import Classes
from unet_lightning.weight.base import Weight

CLASSES = Classes()


@dataclass(frozen=True)
class Transforms:
    """The normalisation, the augmentation, the weight of crops, and what is learned of their labels.

    on_device: whether images are left unread for the device.
    """

    normalize: Normalize
    augment: Augment
    weight: Weight
    target: Target = CLASSES
    on_device: bool = False


@dataclass(frozen=True)
class CropSizes:
    """Sizes in pixels: sides of the labelled crop, the network's margin around it, width of the ridge in its target."""

    sides: tuple[int, int]  # (height, width)
    margin: int
    ridge: int


class CropDataset(Dataset[dict[str, Any]]):
    """Augmented training crops; seed, epoch and number alone decide each, whichever process computes it.

    An item holds image (C, h + 2 margin, w + 2 margin) float32, mask (h, w) int64, the ids that are learned, and weight
    (h, w) float32, 0 where the label is ignored or lies beyond the image. foreground: which crops are placed on an
    object. Images that are left to the device are `Unread`, which `augment.device.read` reads.
    """

    def __init__(
        self,
        records: Sequence[Record],
        store: Store,
        transforms: Transforms,
        sizes: CropSizes,
        foreground: Foreground,
        seed: int,
    ) -> None:
        self.records, self.store, self.seed = list(records), store, seed
        self.normalize, self.augment, self.weight = transforms.normalize, transforms.augment, transforms.weight
        self.target, self.on_device = transforms.target, transforms.on_device
        self.classes = len(store.dataset.classes)
        self.reach = max(self.weight.reach, self.target.reach)  # pixels beyond the crop that its labels are read with
        self.sizes, self.foreground = sizes, foreground

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, draw: Draw | int) -> dict[str, Any]:
        """One crop; a plain number is a record's position, read as in epoch 0 (for Lightning's `overfit_batches`)."""
        epoch, number, position = (0, draw, draw) if isinstance(draw, int) else draw
        record, sizes = self.records[position], self.sizes
        entry, key = self.store.entry(record), SampleKey(self.seed, epoch, number)
        region = Region(*self._place(entry, key), *sizes.sides).grown(sizes.margin)
        rim = max(sizes.margin, self.reach)
        numbers = self.store.affine(record)
        source = PixelView(entry.image, partial(self.normalize.prepare, numbers=numbers))
        read = self.augment.apart if self.on_device else self.augment
        image, labels = read(source, self._labels(record, entry), region, rim - sizes.margin, key.generator)
        something = [labels.pop(-2)] if self.normalize.masked else []
        mask, weight = self._target([crop_rim(label, rim - self.reach) for label in labels], key)
        marks = [labels[-1], *something]  # of what lies inside the image, and where it holds anything
        image, *marks = (crop_rim(part, rim - sizes.margin) for part in (image, *marks))  # (h + 2 margin, …)
        if self.on_device:
            finished: Any = self._unread(source, image, numbers, marks, key)
        else:
            image = self.augment.photometric(image, (entry.value_range[0], entry.value_range[1]), key.generator)
            finished = self._normalized(image, numbers, marks, key)
        return {
            "image": finished,
            "mask": torch.from_numpy(mask.astype(np.int64)),
            "weight": torch.from_numpy(weight),
            "id": record.id,
        }

    def _normalized(self, image: NDArray[Any], numbers: Affine, marks: Sequence[Any], key: SampleKey) -> Tensor:
        """The normalised image of a crop (C, h + 2 margin, w + 2 margin), its values changed."""
        inside, *something = marks
        normalized = normalize_image(image, *numbers).numpy()
        normalized = self.augment.on_normalized(normalized, inside, key.generator)
        for mark in something:
            normalized[self.normalize.masked] *= mark
        return torch.from_numpy(np.ascontiguousarray(normalized))

    def _unread(self, source: Any, where: Any, numbers: Affine, marks: Sequence[Any], key: SampleKey) -> Unread:
        """What the device makes the same image of. where: rows and columns (h + 2 margin, w + 2 margin, 2)."""
        inside, *something = marks
        zero = (inside if self.augment.border == "zero" else None, something[0] if something else None)
        changes = self.augment.drawn((source.shape[2], *where.shape[:2]), key.generator)
        return unread(source, where.transpose(2, 0, 1), numbers, zero, changes)

    def _labels(self, record: Record, entry: Entry) -> list[Any]:
        """(H, W) each: classes, what is valid, objects if they are used, where there is anything if it is used."""
        labels: list[Any] = [entry.mask, entry.valid.view(np.uint8)]
        if entry.instances is not None or self.weight.needs_objects or self.target.needs_objects:
            labels.append(self.store.objects(record))
        shows: Any = PixelView(entry.image, lambda part: holds_something(part).view(np.uint8))
        return [*labels, shows] if self.normalize.masked else labels

    def _place(self, entry: Entry, key: SampleKey) -> tuple[int, int]:
        """Top left corner of a crop: at random, or where `foreground` says so around a pixel of a random class."""
        random = key.generator("place")
        shape, sides = entry.mask.shape, self.sizes.sides
        room = [max(0, size - side) for size, side in zip(shape, sides, strict=True)]
        corner = [int(random.integers(r + 1)) for r in room]
        if self.foreground.applies(key.number, random):
            classes = entry.foreground
            if classes:
                pixels = classes[random.integers(len(classes))]
                pixel = np.unravel_index(pixels[random.integers(len(pixels))], shape)
                corner = [int(np.clip(p - side // 2, 0, r)) for p, side, r in zip(pixel, sides, room, strict=True)]
        centred = [(n - side) // 2 if n < side else c for n, side, c in zip(shape, sides, corner, strict=True)]
        return centred[0], centred[1]

    def _target(self, labels: Sequence[NDArray[Any]], key: SampleKey) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Mask and weight (h, w) from the augmented labels, which reach `reach` pixels beyond the crop."""
        mask, valid, *instances, within = labels
        objects = instances[0] * within if instances else None  # without the mirrored copies beyond the image
        if objects is not None:
            mask = cut_ridge(mask, objects, self.sizes.ridge)
            objects = np.where(mask > 0, objects, 0)  # the ridge is background for the weight too
        weight = self.weight(mask, objects, key.generator("weight")) * (valid * within)
        learned = self.target.encode(mask, objects, self.classes)
        return crop_rim(learned, self.reach), np.ascontiguousarray(crop_rim(weight, self.reach), np.float32)
