"""Cityscapes: leftImg8bit/SPLIT/CITY/*_leftImg8bit.png beside gtFine/SPLIT/CITY/*_gtFine_labelIds.png and more."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from unet_lightning.data.layout import files_by_name, find_root, pair_names, val_is_test
from unet_lightning.error import InputError
from unet_lightning.label import LabelEncoding
from unet_lightning.reading.image import read_image
from unet_lightning.reading.label import decoded, read_label
from unet_lightning.reading.objects import IGNORED, outline
from unet_lightning.reading.sample import labelled
from unet_lightning.reading.text import read_json
from unet_lightning.record import SPLITS, DataSet, Record
from unet_lightning.sample import Sample

SOURCE = "download leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip from https://www.cityscapes-dataset.com"
# fmt: off
NAMES = (
    "unlabeled", "ego vehicle", "rectification border", "out of roi", "static", "dynamic", "ground", "road", "sidewalk",
    "parking", "rail track", "building", "wall", "fence", "guard rail", "bridge", "tunnel", "pole", "polegroup",
    "traffic light", "traffic sign", "vegetation", "terrain", "sky", "person", "rider", "car", "truck", "bus",
    "caravan", "trailer", "train", "motorcycle", "bicycle",
)  # label ids 0 to 33
# fmt: on
TRAIN_IDS = np.full(len(NAMES), IGNORED)
TRAIN_IDS[[7, 8, 11, 12, 13, 17, *range(19, 29), 31, 32, 33]] = range(19)
FIRST_THING = NAMES.index("person")
STORED = LabelEncoding(len(NAMES), ignore=255)  # 255 is -1, the licence plate
COLORS = (
    (128, 64, 128),
    (244, 35, 232),
    (70, 70, 70),
    (102, 102, 156),
    (190, 153, 153),
    (153, 153, 153),
    (250, 170, 30),
    (220, 220, 0),
    (107, 142, 35),
    (152, 251, 152),
    (70, 130, 180),
    (220, 20, 60),
    (255, 0, 0),
    (0, 0, 142),
    (0, 0, 70),
    (0, 60, 100),
    (0, 80, 100),
    (0, 0, 230),
    (119, 11, 32),
)


def find(root: str | None, classes: Sequence[str], labels: Literal["ids", "polygons"], instances: bool) -> DataSet:
    """All pictures with labels of train and val, the city as group. val is test, as test labels aren't published."""
    folder = find_root(root, "leftImg8bit", SOURCE)
    kind = "gtFine_labelIds.png" if labels == "ids" else "gtFine_polygons.json"
    records: list[Record] = []
    findings: list[str] = []
    for split in SPLITS[:2]:
        images = files_by_name(folder / "leftImg8bit" / split, "*/*_leftImg8bit.png", "_leftImg8bit.png")
        masks = files_by_name(folder / "gtFine" / split, f"*/*_{kind}", f"_{kind}")
        numbers = files_by_name(folder / "gtFine" / split, "*/*_instanceIds.png", "_gtFine_instanceIds.png")
        names, lonely = pair_names(images, masks, (f"leftImg8bit/{split}", f"gtFine/{split}"))
        findings += lonely
        for name in names:
            city = name.split("/")[0]
            objects = numbers.get(name) if instances and labels == "ids" else None
            records.append(Record(name, images[name], masks[name], objects, city, split))
            if instances and labels == "ids" and objects is None:
                findings.append(f"{masks[name]} has no instanceIds beside it; add them, or set data.instances=false")
    reading = partial(read, classes=len(classes), instances=instances)
    return DataSet(val_is_test(records), tuple(classes), reading, tuple(findings), COLORS)


def read(record: Record, classes: int, instances: bool) -> Sample:
    """The sample of a picture: train ids, and as instances the objects of countable classes ("things")."""
    assert record.mask is not None
    image = read_image(record.image)
    if record.mask.suffix == ".json":
        mask, objects = _drawn(record.mask)
    else:
        ids, valid = decoded(record.mask, STORED)
        mask = np.where(valid, TRAIN_IDS[ids], IGNORED)
        objects = np.zeros((1, 1)) if record.instances is None else read_label(record.instances)
        objects = np.where(objects < 1000, 0, objects)  # smaller numbers are no single things
    return labelled(record, image, LabelEncoding(classes, ignore=IGNORED), mask, objects if instances else None)


def _drawn(path: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    """Train ids and objects of the polygons, each drawn over the ones before it, as the publisher does."""
    content = read_json(path)
    try:
        shape = (int(content["imgHeight"]), int(content["imgWidth"]))
        mask, objects = np.full(shape, IGNORED), np.zeros(shape, np.int32)
        for number, drawn in enumerate(content["objects"], 1):
            name = str(drawn["label"])
            single = name in NAMES or not name.endswith("group")
            name = name if single else name.removesuffix("group")
            if name == "license plate":  # has no id and is not drawn
                continue
            where = outline([drawn["polygon"]], shape)
            mask[where] = TRAIN_IDS[NAMES.index(name)]
            objects[where] = number if single and NAMES.index(name) >= FIRST_THING else 0
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is no list of Cityscapes' polygons ({error!r}); copy the file again") from None
    return mask, objects
