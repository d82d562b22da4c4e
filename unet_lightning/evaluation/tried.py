"""Many post-processings of one image: those that differ only in what they leave out or grow share their objects."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_lightning.config.instantiate import instantiate
from unet_lightning.postprocess.objects import Objects, Pieces

SELECTING = ("min_size", "keep_largest", "ridge", "masks")  # keys that matter only once the objects are found


@dataclass(frozen=True)
class Found:
    """What a post-processing makes of an image: objects and the class ids computed from them, both (H, W)."""

    objects: NDArray[np.int32]
    classes: NDArray[np.uint8]


class Tried:
    """Post-processings, built from config nodes, that are tried on the same images."""

    def __init__(self, nodes: Sequence[Mapping[str, Any]]) -> None:
        self.parts: list[tuple[str, Objects]] = [(_splitting(node), instantiate(node)) for node in nodes]

    def each(self, classes: NDArray[np.uint8]) -> Iterator[Found]:
        """What each of them makes of predicted class ids (H, W), in the order of their nodes."""
        split: dict[str, tuple[NDArray[np.int32], Pieces]] = {}
        for key, postprocess in self.parts:
            if key not in split:
                parts = np.zeros(classes.shape, np.int32)
                split[key] = parts, postprocess.split(classes, parts)
            objects, pieces = split[key][0].copy(), split[key][1]
            kinds = postprocess.select(objects, pieces)
            yield Found(objects, postprocess.class_mask(objects, kinds))


def _splitting(node: Mapping[str, Any]) -> str:
    """The values that decide which objects are found, before any is left out by size."""
    return str([item for item in node.items() if item[0] not in SELECTING])
