"""Pascal VOC: JPEGImages, SegmentationClass and SegmentationObject (palette PNG, 255 = void), lists of names."""

from collections.abc import Sequence
from functools import partial

from unet_lightning.data.layout import files_by_name, find_root, pair_names, val_is_test
from unet_lightning.label import LabelEncoding, voc_palette
from unet_lightning.reading.sample import read_files
from unet_lightning.reading.text import read_list
from unet_lightning.record import DataSet, Record

SOURCE = "download VOCtrainval_11-May-2012.tar from http://host.robots.ox.ac.uk/pascal/VOC/voc2012/ and unpack it"
VOID = 255


def find(root: str | None, classes: Sequence[str], instances: bool) -> DataSet:
    """The pictures that train.txt and val.txt of ImageSets/Segmentation name, or without lists all that have labels.

    The list val is the test split, as test labels aren't published, and val is taken from train.
    """
    folder = find_root(root, "JPEGImages", SOURCE, ("VOC2012", "VOCdevkit/VOC2012"))
    images, masks = files_by_name(folder / "JPEGImages", "*.jpg"), files_by_name(folder / "SegmentationClass", "*.png")
    lists = {s: folder / "ImageSets" / "Segmentation" / f"{s}.txt" for s in ("train", "val", "test")}
    splits = {name: split for split, path in lists.items() if path.is_file() for name in read_list(path)}
    names, findings = pair_names(images, masks, ("JPEGImages", "SegmentationClass"), needed=False)
    if splits:
        wanted = {name: split for name, split in splits.items() if split != "test" or name in masks}
        missing = sorted(set(wanted) - set(names))
        findings += [f"{folder}: the lists name {k}, which lacks its picture or label; add them" for k in missing]
        names = [name for name in names if name in wanted]
    records = [
        Record(
            name,
            images[name],
            masks[name],
            folder / "SegmentationObject" / f"{name}.png" if instances else None,
            split=splits.get(name, ""),
        )
        for name in names
    ]
    reading = partial(read_files, encoding=LabelEncoding(len(classes), ignore=VOID))
    return DataSet(val_is_test(records), tuple(classes), reading, tuple(findings), voc_palette(len(classes)))
