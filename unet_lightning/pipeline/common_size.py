"""A data set whose images have pixels of one size (`data.resample`)."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache, partial
from typing import Any

from unet_lightning.error import InputError, some
from unet_lightning.pipeline.resize import resized
from unet_lightning.reading.pixel_size import pixel_size, scale_to, stated_size
from unet_lightning.record import DataSet, Record
from unet_lightning.sample import Sample

Scale = tuple[float, float]  # of height and width


def with_common_size(dataset: DataSet, node: Mapping[str, Any], resample: bool) -> DataSet:
    """A data set read on pixels of `data.resample`; where that is null, as it is.

    node: the keys of data. resample: whether samples are resampled; otherwise they keep their grid and say the scale by
    which a predictor resamples them. An image whose pixel size isn't known is a finding.
    """
    target = node.get("resample")
    if target is None or dataset.findings:
        return dataset
    stated, sized = stated_size(node), cache(pixel_size)
    scales: dict[str, Scale] = {}
    unknown = []
    for record in dataset.records:
        try:
            size = stated or sized(record.image)
        except (InputError, OSError, ValueError):  # a damaged file, which reading it reports
            scales[record.id] = (1.0, 1.0)
            continue
        if size is None:
            unknown.append(record.image)
        else:
            scales[record.id] = scale_to(size, target, node.get("unit") or "um")
    if unknown:
        said = f"{some(unknown)}: no pixel size is known, which data.resample={target} needs"
        return replace(dataset, findings=(f"{said}; set data.pixel_size=…, or data.resample=null",))
    resampling = partial(_read, read=dataset.read, scales=scales, resample=resample)
    return replace(dataset, read=resampling, in_memory=dataset.in_memory and not resample)


def _read(record: Record, read: Callable[[Record], Sample], scales: Mapping[str, Scale], resample: bool) -> Sample:
    sample, scale = read(record), scales[record.id]
    return resized(sample, scale) if resample else replace(sample, scale=scale)
