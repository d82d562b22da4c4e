"""Data Science Bowl 2018: stage1_train/ID/images/ID.png and ID/masks/*.png, one per nucleus, or run lengths."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Literal

from unet_lightning.data.layout import files_by_name, find_root
from unet_lightning.error import InputError
from unet_lightning.reading import run_length
from unet_lightning.reading.image import read_image
from unet_lightning.reading.label import read_label
from unet_lightning.reading.names import is_hidden
from unet_lightning.reading.objects import Object, boxed, smallest_last, to_objects_sample
from unet_lightning.reading.text import TextBlock, read_table
from unet_lightning.record import DataSet, Record
from unet_lightning.sample import Sample

SOURCE = "download stage1_train.zip and stage1_train_labels.csv of BBBC038 from https://bbbc.broadinstitute.org/BBBC038"


def find(root: str | None, classes: Sequence[str], labels: Literal["masks", "table"]) -> DataSet:
    """Every image of stage1_train with its nuclei. No split of them is published."""
    folder = find_root(root, "stage1_train", SOURCE)
    below = sorted(path for path in (folder / "stage1_train").iterdir() if not is_hidden(path.name))
    names = [path.name for path in below if path.is_dir()]
    places = {name: folder / "stage1_train" / name for name in names}
    images = {name: place / "images" / f"{name}.png" for name, place in places.items()}
    if labels == "table":
        table = folder / "stage1_train_labels.csv"
        found = run_length.find_images(table, read_table(table), images, classes)
        reading = partial(run_length.read, texts=TextBlock(found.texts), classes=len(classes))
        return DataSet(tuple(found.records), tuple(classes), reading, tuple(found.findings))
    masks = {name: files_by_name(place / "masks", "*.png") for name, place in places.items()}
    findings = [f"{places[name]} has no masks; add them" for name, drawn in masks.items() if not drawn]
    whole = [Record(name, images[name], parts=tuple(masks[name].values())) for name in names]
    return DataSet(tuple(whole), tuple(classes), partial(read, classes=len(classes)), tuple(findings))


def read(record: Record, classes: int) -> Sample:
    """The sample of an image whose parts are the masks of its nuclei; where two overlap the smaller lies on top."""
    image = read_image(record.image)
    return to_objects_sample(image, smallest_last(_nuclei(record, image.shape[:2])), classes)


def _nuclei(record: Record, shape: tuple[int, ...]) -> Iterator[Object]:
    for path in record.parts:
        mask = read_label(path)
        if mask.shape != shape:
            raise InputError(f"{path} is {mask.shape}, its image is {shape}; give both the same size")
        yield from boxed(1, mask > 0)
