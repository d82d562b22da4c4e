"""The EM challenge of ISBI 2012: train-volume.tif and train-labels.tif, stacks of sections, or folders of PNG."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import cv2

from unet_lightning.data.layout import files_by_name, find_root, pair_names, split_in_blocks
from unet_lightning.label import LabelEncoding
from unet_lightning.reading.sample import labelled, read_files
from unet_lightning.reading.tiff import count_pages
from unet_lightning.record import DataSet, Record
from unet_lightning.sample import Sample

SOURCE = (
    "download train-volume.tif and train-labels.tif from https://imagej.net/events/isbi-2012-segmentation-challenge"
)


def find(root: str | None, classes: Sequence[str], instances: bool) -> DataSet:
    """The labelled sections, divided by depth, as neighbours are alike; labels of the test stack aren't published."""
    folder = find_root(root, "train*", SOURCE)
    if (folder / "train").is_dir():
        pairs, findings = _pictures(folder / "train")
    else:
        pairs, findings = _stacks(folder)
    records = tuple(
        Record(name, image, mask, group=f"block{block}", split=split, page=page)
        for (name, image, mask, page), block, split in split_in_blocks(pairs)
    )
    encoding = LabelEncoding(len(classes), values={0: 0, 255: 1})
    return DataSet(records, tuple(classes), partial(read, encoding=encoding, instances=instances), tuple(findings))


def read(record: Record, encoding: LabelEncoding, instances: bool) -> Sample:
    """The sample of a section; its instances are the 4-connected components of the pixels that aren't membrane."""
    sample = read_files(record, encoding)
    if not instances:
        return sample
    pieces = cv2.connectedComponents(sample.mask, connectivity=4)[1]
    return labelled(record, sample.image, LabelEncoding(encoding.classes), sample.mask, pieces)


def _pictures(folder: Path) -> tuple[list[tuple[str, Path, Path, int | None]], list[str]]:
    images, masks = files_by_name(folder / "image", "*.png"), files_by_name(folder / "label", "*.png")
    names, findings = pair_names(images, masks, ("train/image", "train/label"))
    in_depth = sorted(names, key=lambda name: (len(name), name))  # 2 before 10
    return [(name, images[name], masks[name], None) for name in in_depth], findings


def _stacks(folder: Path) -> tuple[list[tuple[str, Path, Path, int | None]], list[str]]:
    image, mask = folder / "train-volume.tif", folder / "train-labels.tif"
    number, labels = count_pages(image), count_pages(mask)
    findings = [] if number == labels else [f"{image} has {number} sections, {mask} {labels}; add the missing ones"]
    return [(f"{k:02d}", image, mask, k) for k in range(min(number, labels))], findings
