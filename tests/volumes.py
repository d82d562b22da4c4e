"""Slices of synthesised volumes, for the bench: a body with an organ and a lesion in it, in Hounsfield units."""

import os
from functools import partial
from pathlib import Path

import numpy as np

from unet_lightning.label import LabelEncoding
from unet_lightning.record import DataSet, Record
from unet_lightning.sample import to_sample

SLICES = 100


def find(classes, number: int, height: int, width: int, cells: int, noise: float, seed: int) -> DataSet:
    """`number` slices, a hundred a volume, with the keys of `data=synthetic`; each volume is a group."""
    names = [f"volume-{k // SLICES:03d}" for k in range(number)]
    records = tuple(Record(f"{n}/{k % SLICES:03d}", Path(n), group=n) for k, n in enumerate(names))
    return DataSet(records, tuple(classes), partial(draw, shape=(height, width), noise=noise, seed=seed))


def draw(record, shape, noise, seed):
    """One slice (H, W, 1) int16 with its classes: background, organ, lesion."""
    if os.environ.get("UNET_LIGHTNING_NOTES"):
        with open(os.environ["UNET_LIGHTNING_NOTES"], "a") as notes:
            notes.write("x")
    volume, position = record.id.removeprefix("volume-").split("/")
    place = np.random.default_rng([seed, int(volume)]).uniform(-0.2, 0.2, (3, 2))
    depth = 2 * int(position) / SLICES - 1
    rows, columns = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    image, mask = np.full(shape, -1000.0), np.zeros(shape, np.uint8)
    for k, (radius, value) in enumerate(((0.9, 40), (0.5, 110), (0.15, 60))):
        inside = np.hypot(rows - place[k, 0], columns - place[k, 1]) < radius * np.sqrt(max(0, 1 - depth**2))
        image[inside], mask[inside] = value, k
    image += np.random.default_rng([seed, int(volume), int(position)]).normal(0, 255 * noise, shape)
    return to_sample(image.astype(np.int16)[..., None], LabelEncoding(classes=3), mask)
