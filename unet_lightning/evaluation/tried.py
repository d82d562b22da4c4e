"""Many post-processings of one image: those that differ only in what they leave out or grow share their objects."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_lightning.config.instantiate import instantiate
from unet_lightning.metric.tally import Tally, tally
from unet_lightning.postprocess.objects import Objects, Pieces, grown_back
from unet_lightning.sample import Sample

SELECTING = ("min_size", "keep_largest", "ridge", "masks")  # keys that matter only once the objects are found


class Tried:
    """Post-processings, built from config nodes, that are tried on the same images.

    instances: whether labelled objects are tallied, or labelled classes.
    """

    def __init__(self, nodes: Sequence[Mapping[str, Any]], instances: bool) -> None:
        self.parts: list[tuple[str, Objects]] = [(_splitting(node), instantiate(node)) for node in nodes]
        self.instances = instances

    def each(self, classes: NDArray[np.uint8], sample: Sample) -> Iterator[Tally]:
        """The objects, or classes, of each of them in predicted class ids (H, W), in the order of their nodes."""
        labels, ignored = labelled(sample, self.instances)
        splits: dict[str, Split] = {}
        for key, postprocess in self.parts:
            if key not in splits:
                objects = np.zeros(classes.shape, np.int32)
                splits[key] = Split(labels, ignored, objects, postprocess.split(classes, objects))
            yield splits[key].select(postprocess)


class Split:
    """The objects of an image, (H, W), before any is left out, tallied with its labels, (H, W)."""

    def __init__(self, labels: NDArray[Any], ignored: int, objects: NDArray[np.int32], pieces: Pieces) -> None:
        self.labels, self.objects, self.pieces = labels, objects, pieces
        self.tally = tally(labels, ignored, objects, pieces[1])
        self.found: dict[tuple[bytes, int], Tally] = {}

    def select(self, postprocess: Objects) -> Tally:
        """What a post-processing leaves of the objects; computed once for all that leave out the same ones."""
        table, kinds = postprocess.choose(self.pieces)
        key = table.tobytes(), postprocess.ridge
        if key not in self.found:
            grown = self._grown(table, postprocess.ridge) if postprocess.ridge else None
            self.found[key] = self.tally.selected(table, kinds, grown)
        return self.found[key]

    def _grown(self, table: NDArray[np.int32], ridge: int) -> tuple[NDArray[Any], NDArray[np.int32]]:
        places, numbers = grown_back(table[self.objects], ridge)
        changed = numbers > 0
        return self.labels.ravel()[places[changed]], numbers[changed]


def labelled(sample: Sample, instances: bool) -> tuple[NDArray[Any], int]:
    """Labelled objects, or class ids, (H, W), and the number that stands in them for ignored pixels."""
    labels = sample.instances if instances else sample.mask.astype(np.int32)
    assert labels is not None
    ignored = int(labels.max(initial=0)) + 1
    return np.where(sample.valid, labels, ignored), ignored


def whole(numbers: NDArray[Any], sample: Sample, instances: bool) -> Tally:
    """The tally of predicted objects, or class ids, (H, W), as they are."""
    kinds = np.arange(int(numbers.max(initial=0)) + 1)
    return tally(*labelled(sample, instances), numbers, kinds)


def _splitting(node: Mapping[str, Any]) -> str:
    """The values that decide which objects are found, before any is left out by size."""
    return str([item for item in node.items() if item[0] not in SELECTING])
