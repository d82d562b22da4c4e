"""Records as the cases that nnU-Net's rules speak of: images, and the slices of a volume together."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from unet_lightning.pipeline.find import find_dataset
from unet_lightning.plan.fingerprint import FLAT, Case
from unet_lightning.reading.endings import NIFTI, ends_in
from unet_lightning.reading.nifti import voxel_size
from unet_lightning.record import DataSet, Record


def planned_records(plain: Mapping[str, Any]) -> tuple[DataSet, list[Record]]:
    """The data set of a plain config and the records that a plan may look at: those in no test split.

    Of folds without a published test split, where each image is in the test split of one fold, these are all records.
    """
    dataset = find_dataset(plain)
    tests = _ids(dataset)
    if plain["data"]["fold"] is not None:
        tests &= _ids(find_dataset({**plain, "data": {**plain["data"], "fold": 1 - min(1, plain["data"]["fold"])}}))
    return dataset, [record for record in dataset.records if record.id not in tests]


def _ids(dataset: DataSet) -> set[str]:
    return {record.id for record in dataset.split("test")}


def cases(dataset: DataSet, records: Sequence[Record]) -> Iterator[Case]:
    """A case for each record; for a NIfTI volume one of all its slices, which stand in their order."""
    for _, group in groupby(records, key=_name):
        slices = list(group)
        samples = [dataset.read(record) for record in slices]
        image = np.stack([sample.image.astype(np.float32) for sample in samples])  # (z, H, W, C)
        label = np.stack([np.where(sample.valid, sample.mask, 0) for sample in samples])
        spacing = (FLAT, 1.0, 1.0)
        if is_volume(slices[0]):  # its rows run along x and its columns along y
            spacing = voxel_size(slices[0].image)
            image, label = image.swapaxes(1, 2), label.swapaxes(1, 2)
        yield Case(np.moveaxis(image, 3, 0), label, spacing)


def _name(record: Record) -> str:
    """The volume that a record is a slice of, or its own id."""
    return str(record.image) if is_volume(record) else record.id


def is_volume(record: Record) -> bool:
    """Whether a record is a slice of a NIfTI volume."""
    return ends_in(record.image, NIFTI)
