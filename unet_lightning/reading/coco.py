"""COCO's description files: polygons, run lengths (compressed or not), crowds."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_lightning.error import InputError, nearest, some
from unet_lightning.reading.found import Found
from unet_lightning.reading.image import as_channels, read_image
from unet_lightning.reading.names import guess_notes, locate, relative, with_slashes
from unet_lightning.reading.objects import IGNORED, Object, boxed, outline, smallest_last, to_objects_sample
from unet_lightning.reading.text import TextBlock, read_json
from unet_lightning.record import Record
from unet_lightning.sample import Sample

KEPT = ("id", "category_id", "segmentation", "iscrowd", "bbox", "keypoints")
BACKGROUND = ("_background_", "background", "__background__")


@dataclass(frozen=True)
class Description:
    """A COCO file: images and annotations by image id, and names of categories in the order of their ids."""

    path: Path
    images: dict[Any, dict[str, Any]]
    annotations: dict[Any, list[dict[str, Any]]]
    categories: dict[Any, str]

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Background and the names of all categories, in the order of their ids."""
        names = [name for name in self.categories.values() if name not in BACKGROUND]
        return ("background", *dict.fromkeys(names))

    def class_ids(self, classes: Sequence[str], strict: bool) -> dict[Any, int]:
        """Category id to class id, categories of no class left out; InputError for a class without a category, and
        where strict for a category without a class: data.classes names all of them, data.categories those wanted.
        """
        for name in classes[1:]:
            if name not in self.classes:
                all_names = ",".join([*classes[: int(strict)], *self.classes[1:]])  # data.categories has no background
                raise InputError(
                    f"{self.path} has no {name}; correct the name: {nearest(name, self.classes[1:])}; "
                    f"or set 'data.{'classes' if strict else 'categories'}=[{all_names}]'"
                )
        used = {annotation["category_id"] for found in self.annotations.values() for annotation in found}
        lacking = sorted(self.categories[k] for k in used if self.categories[k] not in (*classes[1:], *BACKGROUND))
        if strict and lacking:
            names = ",".join(name for name in self.classes if name in (*classes, *lacking))
            raise InputError(
                f"{self.path} has objects of {some(lacking, 'categories')}, not in data.classes; "
                f"set 'data.classes=[{names}]'"
            )
        return {k: classes.index(name) for k, name in self.categories.items() if name in classes[1:]}


def read_description(path: Path) -> Description:
    """Read a COCO file; InputError where it isn't one."""
    content = read_json(path)
    try:
        images = {
            image["id"]: {k: image.get(k) for k in ("file_name", "height", "width")} for image in content["images"]
        }
        categories = dict(sorted((category["id"], str(category["name"])) for category in content["categories"]))
        annotations: dict[Any, list[dict[str, Any]]] = defaultdict(list)
        for annotation in content["annotations"]:
            kept = {key: annotation.get(key) for key in KEPT}
            annotations[annotation["image_id"]].append(kept)
        unknown = {a["category_id"] for found in annotations.values() for a in found} - categories.keys()
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is no COCO file ({error!r}); correct the entry, or export it again") from None
    for what, strange in (("image", annotations.keys() - images.keys()), ("category", unknown)):
        if strange:
            raise InputError(f"{path}: annotations name the {what} {sorted(map(str, strange))[0]}, which the file "
                             f"doesn't list; add it, or take them out")  # fmt: skip
    return Description(path, images, annotations, categories)


def find_images(description: Description, folders: Sequence[Path], prefix: str, split: str) -> Found:
    """The images of a file in the folders, each by its path there, and a finding for each that lies in none of them."""
    names = {number: str(entry["file_name"]) for number, entry in description.images.items()}
    exact, guessed = locate(names.values(), folders)
    found, paths = Found(notes=guess_notes(description.path, guessed)), exact | guessed
    lacking = list(dict.fromkeys(name for name in names.values() if name not in paths))
    if lacking:
        there = f"which {'is' if len(lacking) == 1 else 'are'} not in {folders[0]}"
        found.findings.append(f"{description.path} names {some(lacking)}, {there}; add it, or take it out of the file")
    for number, entry in description.images.items():
        name = names[number]
        if name not in paths:
            continue
        plain = with_slashes(name) if name in exact else relative(paths[name], folders)
        record = Record(f"{prefix}{Path(plain).with_suffix('')}", paths[name], description.path, split=split)
        found.records.append(record)
        drawn = [{key: one[key] for key in KEPT[:4]} for one in description.annotations.get(number, [])]
        found.texts[record.id] = json.dumps({**entry, "annotations": drawn})
    return found


def has_objects(text: str, class_ids: Mapping[Any, int]) -> bool:
    """Whether an image has an object of any class."""
    return any(annotation["category_id"] in class_ids for annotation in json.loads(text)["annotations"])


def read(
    record: Record,
    texts: TextBlock,
    class_ids: Mapping[Any, int],
    classes: int,
    channels: int | None,
    instances: bool = True,
    axes: str | None = None,
) -> Sample:
    """The sample of one image of a COCO file; a crowd counts nowhere where no single object lies on it."""
    image = as_channels(read_image(record.image, axes=axes), channels)
    entry = json.loads(texts[record.id])
    stated = (entry["height"], entry["width"])
    if stated != (None, None) and stated != image.shape[:2]:
        raise InputError(
            f"{record.mask} says {stated[0]}x{stated[1]} for {record.image}, which is "
            f"{image.shape[0]}x{image.shape[1]}; give the image the objects were drawn on"
        )
    objects = _objects(record, entry["annotations"], class_ids, image.shape[:2])
    return to_objects_sample(image, smallest_last(objects), classes, instances)


def _objects(
    record: Record, annotations: list[dict[str, Any]], class_ids: Mapping[Any, int], shape: tuple[int, ...]
) -> Iterator[Object]:
    for annotation in annotations:
        kind = class_ids.get(annotation["category_id"])
        if kind is not None:
            try:
                mask = decode(annotation["segmentation"], (shape[0], shape[1]))
            except InputError as error:
                place = f"{record.mask}, annotation {annotation['id']} of {record.image.name}"
                raise InputError(f"{place}: {error}") from None
            yield from boxed(IGNORED if annotation["iscrowd"] else kind, mask)


def decode(segmentation: Any, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """(H, W) of a list of polygons x, y, x, y, …, or of run lengths down the columns, compressed or not.

    An empty list is an object without an outline, and no pixel.
    """
    if isinstance(segmentation, list):
        return outline([_corners(polygon) for polygon in segmentation], shape)
    if not isinstance(segmentation, dict) or not {"counts", "size"} <= segmentation.keys():
        raise InputError("no polygons and no run lengths; draw the object, or take it out")
    counts, size = segmentation["counts"], segmentation["size"]
    if size != list(shape):
        raise InputError(f"run lengths for {size}; expected {list(shape)} as the image; give the image of their size")
    counts = _counts(counts) if isinstance(counts, str) else counts
    whole = isinstance(counts, list) and all(isinstance(count, int) and count >= 0 for count in counts)
    if not whole or sum(counts) != shape[0] * shape[1]:
        raise InputError(f"damaged run lengths, which don't add up to {shape[0] * shape[1]} pixels; correct the object")
    return np.repeat(np.arange(len(counts)) % 2 == 1, counts).reshape(shape, order="F")


def _counts(text: str) -> list[int]:
    """Compressed run lengths: a number is 5 bits a character from "0", the lowest first, while bit 5 is set, with a
    sign; from the fourth on it is the difference to the number two before (`rleFrString` of the COCO API).
    """
    counts: list[int] = []
    value = shift = 0
    for character in text:
        code = ord(character) - 48
        value |= (code & 31) << shift
        shift += 5
        if not code & 32:
            value -= (code & 16) and 1 << shift
            counts.append(value + (counts[-2] if len(counts) > 2 else 0))
            value = shift = 0
    return counts


def _corners(polygon: Any) -> Any:
    """x, y, x, y, … as (N, 2); what is no such list is left to `outline` to refuse."""
    pairs = isinstance(polygon, list) and len(polygon) % 2 == 0
    return list(zip(polygon[::2], polygon[1::2], strict=True)) if pairs else []
