"""Scores of objects class by class: objects of a class are matched with those of the same class alone."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_lightning.metric.instance import SCORES, nan_mean
from unet_lightning.metric.instance import summary as scores_and_counts
from unet_lightning.metric.overlap import Overlaps, overlaps, renumber


def kinds_of(objects: NDArray[Any], classes: NDArray[Any]) -> NDArray[np.uint8]:
    """The class of every object in the order of their numbers, (N + 1,), of background first: the most frequent class
    id of its pixels, the lowest of several; background counts only where an object has no other.

    objects: (H, W) numbers, 0 is background. classes: (H, W) class ids.

    >>> kinds_of(np.array([[0, 5, 5, 5, 9, 9]]), np.array([[2, 0, 3, 1, 1, 1]])).tolist()
    [0, 1, 1]
    """
    number, places = renumber(objects)
    width = int(classes.max(initial=0)) + 1
    counts = np.bincount(places * width + classes.ravel(), minlength=number * width).reshape(number, width)
    counts[:, 0] = 0
    counts[0] = 0
    kinds: NDArray[np.uint8] = counts.argmax(1).astype(np.uint8)
    return kinds


def overlaps_by_class(
    reference: NDArray[Any], prediction: NDArray[Any], mask: NDArray[Any], predicted: NDArray[Any]
) -> dict[int, Overlaps]:
    """The table of overlaps of every class that is labelled or predicted, by its id.

    reference, prediction: objects (H, W), 0 is background. mask, predicted: class ids (H, W) of both sides.
    """
    found = overlaps(reference, prediction)
    one, two = kinds_of(reference, mask)[1:], kinds_of(prediction, predicted)[1:]
    return {kind: found.selected(one == kind, two == kind) for kind in sorted({*one.tolist(), *two.tolist()} - {0})}


def summary_by_class(images: Sequence[Mapping[int, Overlaps]], classes: Sequence[str]) -> dict[str, Any]:
    """{classes: {name: {image_mean: {score: value}, counts}}, mean: {score: value}} of many images.

    image_mean: over the images where the class is labelled or predicted; nan for a class that is labelled in none.
    mean: of the classes that have a score. classes: names of all classes, background first.
    """
    nothing = overlaps(np.zeros(0, int), np.zeros(0, int))
    found = {}
    for kind, name in enumerate(classes[1:], 1):
        found[name] = scores_and_counts([image[kind] for image in images if kind in image] or [nothing])
        if not found[name]["counts"]["references"]:
            found[name]["image_mean"] = dict.fromkeys(SCORES, float("nan"))
    means = {score: nan_mean(one["image_mean"][score] for one in found.values()) for score in SCORES}
    return {"classes": found, "mean": means}
