"""Near-duplicates: images saved again, resized, rotated by multiples of 90 degrees, or mirrored."""

from collections.abc import Iterator, Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from unet_lightning.record import Record

SIDE = 32
ALIKE = 0.99  # correlation; different fundus images, the most similar of those tried, and film frames stay below it
BLOCK = 1024


def thumbnail(image: NDArray[Any]) -> NDArray[np.float16]:
    """(H, W, C) to (32, 32) float16: the mean of the channels, reduced, with mean 0 and Euclidean norm 1.

    Zeros for a picture of a single value.
    """
    small = cv2.resize(image.mean(2, dtype=np.float32), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    centred = small - small.mean()
    length = max(float(np.linalg.norm(centred)), 1e-6)
    return np.asarray(centred / length, np.float16)


def near_copies(thumbnails: Mapping[Record, NDArray[np.float16]]) -> Iterator[tuple[Record, Record, float]]:
    """Pairs of a validation or test record and the training record it is almost a copy of, with their correlation.

    All eight rotated and mirrored versions of a picture are tried.
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
            correlation = seen.reshape(len(block), -1) @ known.T  # (block, training)
            better = correlation.max(1) > best
            nearest = np.where(better, correlation.argmax(1), nearest)
            best = np.where(better, correlation.max(1), best)
        yield from (
            (record, training[k], float(value))
            for record, k, value in zip(block, nearest, best, strict=True)
            if value > ALIKE
        )


def positions(pictures: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Pictures (N, S, S) in all eight rotated and mirrored versions, each (N, S, S)."""
    for way in (pictures, pictures[:, :, ::-1]):
        for quarters in range(4):
            yield np.rot90(way, quarters, (1, 2))
