"""Arrays of a Python program as a data set: images, and masks or instances, that lie in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_lightning.error import InputError, some
from unet_lightning.label import LabelEncoding
from unet_lightning.reading.image import as_kept
from unet_lightning.reading.sample import labelled
from unet_lightning.record import SPLITS, DataSet, Record
from unet_lightning.sample import Sample, renumbered

Stack = NDArray[Any] | Sequence[NDArray[Any]]  # of one size, or one by one


@dataclass(frozen=True)
class Arrays:
    """images: (H, W, C) each. masks and instances: (H, W) each, or None; one of both is there. All may be masked."""

    images: Sequence[NDArray[Any]]
    masks: Sequence[NDArray[Any]] | None
    instances: Sequence[NDArray[Any]] | None


def find(
    classes: Sequence[str],
    ignore: int | None,
    label_values: dict[int, int] | None,
    threshold: float | None,
) -> DataSet:
    """What the config of a checkpoint names that was trained on arrays; InputError, as no file holds them."""
    raise InputError("the data was arrays of a program, which no file holds; set data=folder data.root=FOLDER")


def checked(images: Stack, masks: Stack | None, instances: Stack | None) -> Arrays:
    """Images (N, H, W) or (N, H, W, C), masks and instances (N, H, W), or lists of N arrays of any sizes, as arrays.

    Images of other types than uint8, uint16, int16 and float32 become float32. Pixels that a masked array leaves out,
    of an image or of its label, count nowhere. InputError for other shapes or types,
    and for numbers of arrays that differ. Sizes and values of each are checked when it is read.
    """
    if masks is None and instances is None:
        raise InputError("neither masks nor instances; expected at least one of them; give masks=… or instances=…")
    pictures = [_image(image, f"images[{k}]") for k, image in enumerate(_listed(images, "images", (3, 4)))]
    labels = [
        [_label(label, f"{name}[{k}]") for k, label in enumerate(_listed(stack, name, (3,)))]
        if stack is not None
        else None
        for name, stack in (("masks", masks), ("instances", instances))
    ]
    for name, found in zip(("masks", "instances"), labels, strict=True):
        if found is not None and len(found) != len(pictures):
            raise InputError(
                f"{len(pictures)} images and {len(found)} {name}; expected as many; give one for each image"
            )
    return Arrays(pictures, *labels)


def dataset_of(
    arrays: Arrays, encoding: LabelEncoding, classes: Sequence[str], groups: Sequence[object], splits: Sequence[str]
) -> DataSet:
    """The records of arrays, which are called by their place. groups: of each image, '' for none. splits: likewise."""
    records = [
        Record(
            str(k),
            Path(f"images[{k}]"),
            None if arrays.masks is None else Path(f"masks[{k}]"),
            None if arrays.instances is None else Path(f"instances[{k}]"),
            str(group),
            split,
        )
        for k, (group, split) in enumerate(zip(groups, splits, strict=True))
    ]
    return DataSet(tuple(records), tuple(classes), partial(read, arrays=arrays, encoding=encoding), in_memory=True)


def read(record: Record, arrays: Arrays, encoding: LabelEncoding) -> Sample:
    """The sample of a record; its image is no copy. InputError for sizes that differ and for values without a class."""
    k = int(record.id)
    labels = [None if stack is None else stack[k] for stack in (arrays.masks, arrays.instances)]
    known = (next(iter(encoding.table)), 0)  # what a pixel that is left out may hold
    mask, instances = (_without(label, value) for label, value in zip(labels, known, strict=True))
    sample = labelled(record, arrays.images[k], encoding, mask, instances)
    for label in labels:
        if isinstance(label, np.ma.MaskedArray):
            sample = _ignored(sample, np.ma.getmaskarray(label))
    return sample


def _without(label: NDArray[Any] | None, value: int) -> NDArray[Any] | None:
    """A label (H, W) with a value where a masked array leaves pixels out; None and other arrays as they are."""
    if not isinstance(label, np.ma.MaskedArray):
        return label
    return np.where(np.ma.getmaskarray(label), np.int64(value), label.data)


def _ignored(sample: Sample, where: NDArray[np.bool_]) -> Sample:
    """A sample of which pixels, (H, W) bool, count nowhere."""
    valid = sample.valid & ~where
    objects = None if sample.instances is None else renumbered(np.where(valid, sample.instances, 0))
    return replace(sample, mask=sample.mask * valid, valid=valid, instances=objects)


def named_splits(places: Mapping[str, Sequence[int]] | None, number: int) -> list[str]:
    """The split of each of `number` images, '' where none is named. places: of splits the places of their images.

    InputError for other names, for places that don't exist, and for images in no split or in two.
    """
    if places is None:
        return [""] * number
    unknown = sorted(map(str, places.keys() - set(SPLITS)))
    if unknown:
        raise InputError(f"splits names {unknown}; expected of {list(SPLITS)}; name them so")
    found = [""] * number
    for name, chosen in places.items():
        for k in np.asarray(chosen).ravel().tolist():
            if type(k) is not int or not 0 <= k < number:
                raise InputError(
                    f"splits[{name!r}] holds {k}; expected places of images, 0 to {number - 1}; correct it"
                )
            if found[k]:
                raise InputError(f"image {k} is in {found[k]} and in {name}; expected one split; take it out of one")
            found[k] = name
    lonely = [k for k, name in enumerate(found) if not name]
    if lonely:
        raise InputError(f"in no split: {some(lonely, 'images')}; expected one for each image; name it, or splits=None")
    return found


def _listed(stack: Any, name: str, dimensions: Sequence[int]) -> list[NDArray[Any]]:
    """The arrays of a stack or a list, one for each image."""
    if isinstance(stack, list | tuple):
        return [_array(array) for array in stack]
    found = _array(stack)
    if found.ndim not in dimensions:
        shapes = " or ".join(("(N, H, W)", "(N, H, W, C)")[: len(dimensions)])
        remedy = (
            f"give {name}[None] if it is one image" if found.ndim == min(dimensions) - 1 else "give a list of arrays"
        )
        raise InputError(f"{name} are of shape {found.shape}; expected {shapes}; {remedy}")
    return list(found)


def _array(given: Any) -> NDArray[Any]:
    """An array, masked where that is."""
    return given if isinstance(given, np.ma.MaskedArray) else np.asarray(given)


def _image(image: NDArray[Any], name: str) -> NDArray[Any]:
    """(H, W) or (H, W, C) to (H, W, C) of a type that is resampled."""
    if image.ndim not in (2, 3) or not image.size:
        raise InputError(f"{name} is of shape {image.shape}; expected (H, W) or (H, W, C); give it so")
    if image.dtype.kind not in "buif":
        raise InputError(f"{name} holds {image.dtype.name}; expected real numbers; convert it by astype")
    return as_kept(name, image if image.ndim == 3 else image[..., None])


def _label(label: NDArray[Any], name: str) -> NDArray[Any]:
    if label.ndim != 2 or label.dtype.kind not in "buif":
        came = f"{name} is {label.dtype.name} of shape {label.shape}"
        raise InputError(f"{came}; expected whole numbers of shape (H, W); {_remedy(label)}")
    return label


def _remedy(label: NDArray[Any]) -> str:
    if label.ndim == 3 and label.shape[-1] == 1:
        return "drop the last axis by [..., 0]"
    return "turn one-hot labels into ids by argmax" if label.ndim == 3 else "convert it by astype"
