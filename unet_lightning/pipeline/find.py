"""Find the records of a plain config's data set, and their splits."""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from unet_lightning.config.check import SHARED, SPLITTING
from unet_lightning.config.instantiate import instantiate
from unet_lightning.error import InputError, printable, some
from unet_lightning.pipeline.common_size import with_common_size
from unet_lightning.record import SPLITS, DataSet, Folds, Record, assign_splits, keep_splits

log = logging.getLogger(__name__)


def find_dataset(
    plain: Mapping[str, Any],
    before: Mapping[str, str] | None = None,
    needed: Sequence[str] = SPLITS,
    resample: bool = True,
) -> DataSet:
    """The records of a plain config with their splits; nothing is read yet, and what is wrong is among its findings.

    before: the split of each id in a run, which stays what it was; those of them that are `needed` must have images.
    resample: whether samples lie on pixels of `data.resample`, or on their own and say the scale.
    """
    source = {key: value for key, value in plain["data"].items() if key not in SHARED}
    return divided(with_common_size(instantiate(source), plain["data"], resample), plain, before, needed)


def divided(
    found: DataSet,
    plain: Mapping[str, Any],
    before: Mapping[str, str] | None = None,
    needed: Sequence[str] = SPLITS,
) -> DataSet:
    """A data set with the splits that a plain config gives its records; before, needed: as of `find_dataset`."""
    if not 2 <= len(found.classes) <= 256:
        raise InputError(f"data.classes names {len(found.classes)} classes; expected 2 to 256, background first")
    findings, notes = [printable(line) for line in found.findings], tuple(map(printable, found.notes))
    for note in notes:
        log.info(f"note      {note}")
    for what, names in (("data.classes", found.classes), ("ids of records", [r.id for r in found.records])):
        twice = [name for name, number in Counter(names).items() if number > 1]
        if twice:
            findings.append(f"{what} are not distinct: {some(twice, 'names')}; give each a name of its own")
    records, splitting = found.records, {key: plain["data"][key] for key in SPLITTING}
    try:
        records = assign_splits(found.records, plain["seed"], **splitting)
        if before is not None:
            records = keep_splits(records, before, {record.id: record.split for record in found.records})
            findings += emptied_splits(records, {k: name for k, name in before.items() if name in needed})
        log.info(f"split     {describe_split(found.records, **splitting) if before is None else 'that of the run'}")
    except InputError as error:
        findings += [] if findings else [str(error)]  # few records are what comes of files without a partner
    background = plain["data"]["background"]
    return replace(found, records=records, findings=tuple(findings), background=background, notes=notes)


def emptied_splits(records: Sequence[Record], before: Mapping[str, str]) -> Iterator[str]:
    """A finding for each split of a run, all images of which are gone or have other names."""
    for name in dict.fromkeys(before.values()):
        if not any(record.split == name for record in records):
            gone = [key for key, split in before.items() if split == name]
            yield (
                f"the data has changed since this run began: none of the {len(gone)} images of the split {name!r} "
                f"({some(gone)}) is there under its name; put them back, or begin another run: run=…"
            )


def describe_split(records: Sequence[Record], fold: int | None, folds: Folds, train_images: int | None) -> str:
    """Where the splits come from, in words."""
    if train_images is not None:
        return f"{describe_split(records, fold, folds, None)}; at most {train_images} training images"
    published = {record.split for record in records}
    if fold is not None:
        kept = ", test as given" if "test" in published else ""
        of = "nnU-Net's five" if folds == "nnunet" else folds
        return f"fold {fold} of {of}, by group{kept}"
    if published == {""}:
        return "none given: groups divided 60/20/20 by a seeded hash"
    return "as the data set gives it" + (
        "" if "val" in published else ", val a fifth of the training groups by a seeded hash"
    )
