"""A seeded generator of touching cells under uneven light, of any size and number."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
from annotated_types import Ge, Le
from numpy.typing import NDArray

from unet_lightning.label import LabelEncoding
from unet_lightning.record import DataSet, Record
from unet_lightning.sample import Sample, renumbered, to_sample

Number = Annotated[int, Ge(1), Le(10**6)]
Side = Annotated[int, Ge(1), Le(2**14)]  # a picture is held in memory whole
Count = Annotated[int, Ge(0), Le(10**6)]
Share = Annotated[float, Ge(0)]


def find(
    classes: Sequence[str], number: Number, height: Side, width: Side, cells: Count, noise: Share, seed: int
) -> DataSet:
    """`number` pictures of (height, width), each with about `cells` cells; nothing is written to disk."""
    records = tuple(Record(f"synthetic-{k:05d}", Path(f"synthetic-{k:05d}")) for k in range(number))
    return DataSet(records, tuple(classes), partial(draw, shape=(height, width), cells=cells, noise=noise, seed=seed))


def draw(record: Record, shape: tuple[int, int], cells: int, noise: float, seed: int) -> Sample:
    """One picture (H, W, 1) uint8 with its cells; the same record and seed always give the same picture."""
    random = np.random.default_rng([seed, int(record.id.rsplit("-", 1)[1])])
    instances = _cells(random, shape, cells)
    contrast = random.uniform(40, 110, int(instances.max()) + 1)
    contrast[0] = 0
    image = cv2.GaussianBlur(contrast[instances], (0, 0), 1.2) * _light(random, shape) + 40 * _light(random, shape)
    image += random.normal(0, noise * 255, shape)
    return to_sample(image.clip(0, 255).astype(np.uint8)[..., None], LabelEncoding(classes=2), instances=instances)


def _cells(random: np.random.Generator, shape: tuple[int, int], number: int) -> NDArray[np.int32]:
    """(H, W) labels of ellipses; half of the cells are set beside an earlier one, which they touch."""
    instances = np.zeros(shape, np.int32)
    radius = max(3.0, 0.45 * np.sqrt(shape[0] * shape[1] / max(1, number)) * 0.8)
    centres: list[NDArray[np.float64]] = []
    for label in range(1, number + 1):
        centre = random.uniform(0, 1, 2) * shape
        if centres and random.uniform() < 0.5:
            angle = random.uniform(0, 2 * np.pi)
            centre = centres[random.integers(len(centres))] + 1.7 * radius * np.array([np.sin(angle), np.cos(angle)])
        _ellipse(instances, label, centre, radius * random.uniform(0.6, 1.1, 2), random.uniform(0, 180))
        centres.append(centre)
    return renumbered(instances)


def _ellipse(
    instances: NDArray[np.int32], label: int, centre: NDArray[np.float64], axes: NDArray[np.float64], angle: float
) -> None:
    """Label the background pixels of an ellipse; only its own box is touched."""
    reach = int(axes.max()) + 2
    corner = centre.astype(int) - reach
    stamp = np.zeros((2 * reach + 1, 2 * reach + 1), np.uint8)
    cv2.ellipse(stamp, (reach, reach), tuple(max(1, int(a)) for a in axes), angle, 0, 360, 1, -1)
    first = np.maximum(0, -corner)
    last = np.minimum(stamp.shape, np.array(instances.shape) - corner)
    if (first >= last).any():
        return
    place = np.s_[corner[0] + first[0] : corner[0] + last[0], corner[1] + first[1] : corner[1] + last[1]]
    free = (instances[place] == 0) & (stamp[first[0] : last[0], first[1] : last[1]] > 0)
    instances[place][free] = label


def _light(random: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
    """(H, W) smooth illumination around 1."""
    coarse = random.uniform(0.6, 1.4, (3, 3))
    return cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC).astype(np.float64)
