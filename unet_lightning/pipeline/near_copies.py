"""Pictures that are almost one another: saved again, resized, turned or mirrored copies."""

from collections.abc import Iterator, Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from unet_lightning.record import Record

SIDE = 32
ALIKE = 0.99  # correlation; fundus pictures, the most alike of those tried, and frames of a film stay below it
BLOCK = 1024


def thumbnail(image: NDArray[Any]) -> NDArray[np.float16]:
    """(32, 32): the mean of the channels made small, of mean 0 and length 1; zeros for a picture of one value."""
    small = cv2.resize(image.mean(2, dtype=np.float32), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    centred = small - small.mean()
    length = max(float(np.linalg.norm(centred)), 1e-6)
    return np.asarray(centred / length, np.float16)


def near_copies(thumbnails: Mapping[Record, NDArray[np.float16]]) -> Iterator[tuple[Record, Record, float]]:
    """Validation and test records with the training record that each is almost a copy of, and their correlation.

    All eight positions of a picture are tried.
    """
    training = [record for record in thumbnails if record.split == "train"]
    others = [record for record in thumbnails if record.split != "train"]
    if not training:
        return
    known = np.stack([thumbnails[record].astype(np.float32).ravel() for record in training])
    for start in range(0, len(others), BLOCK):
        block = others[start : start + BLOCK]
        best = np.full(len(block), -1.0)
        nearest = np.zeros(len(block), int)
        for seen in positions(np.stack([thumbnails[record].astype(np.float32) for record in block])):
            correlation = seen.reshape(len(block), -1) @ known.T
            better = correlation.max(1) > best
            nearest = np.where(better, correlation.argmax(1), nearest)
            best = np.where(better, correlation.max(1), best)
        yield from (
            (record, training[k], float(value))
            for record, k, value in zip(block, nearest, best, strict=True)
            if value > ALIKE
        )


def positions(pictures: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Pictures (N, S, S) turned by quarters, each way round."""
    for way in (pictures, pictures[:, :, ::-1]):
        for quarters in range(4):
            yield np.rot90(way, quarters, (1, 2))
