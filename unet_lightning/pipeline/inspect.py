"""One look at every record before training: whatever is wrong anywhere is said at once."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator

from unet_lightning.error import InputError
from unet_lightning.pipeline.statistics import Statistics, Sums
from unet_lightning.pipeline.store import Store
from unet_lightning.record import Record
from unet_lightning.sample import Sample

MOST = 20


def inspect(store: Store) -> Statistics:
    """Read every record of a data set; InputError with all findings, else the statistics of the training split."""
    dataset = store.dataset
    findings = [*dataset.findings, *(() if dataset.findings else split_findings(dataset.records))]
    training = Sums(len(dataset.classes))
    channels: dict[int, list[Record]] = defaultdict(list)
    contents: dict[bytes, list[Record]] = defaultdict(list)
    for record in dataset.records:
        try:
            sample = store[record]
        except InputError as error:
            findings.append(str(error))
            continue
        channels[sample.image.shape[2]].append(record)
        if sample.image.min() != sample.image.max():  # empty slices of two volumes are the same and leak nothing
            contents[_content(sample)].append(record)
        if record.split == "train":
            training.add(sample)
    findings += [*channel_findings(channels), *content_findings(contents)]
    if training.numbers and not training.pixels[0].any():
        findings.append("no pixel of the training split counts; correct data.ignore or the labels")
    findings = list(dict.fromkeys(findings))  # a broken volume is found with each of its slices
    if findings:
        shown = findings[:MOST] + ([f"… and {len(findings) - MOST} more"] if len(findings) > MOST else [])
        raise InputError("\n".join(shown))
    return training.statistics()


def split_findings(records: tuple[Record, ...]) -> Iterator[str]:
    """An empty split, and groups that stand on two sides."""
    for name in ("train", "val"):
        if not any(record.split == name for record in records):
            yield f"no record is in the split {name!r}; add images, or correct the split column of the manifest"
    sides: dict[str, set[str]] = defaultdict(set)
    for record in records:
        if record.group:
            sides[record.group].add(record.split)
    for group, splits in sides.items():
        if len(splits) > 1:
            yield f"group {group!r} is in {' and '.join(sorted(splits))}; keep each group in one split of the manifest"


def channel_findings(channels: dict[int, list[Record]]) -> Iterator[str]:
    """Images whose number of channels differs from most."""
    if len(channels) > 1:
        usual = max(channels, key=lambda n: len(channels[n]))
        for number, records in channels.items():
            if number != usual:
                names = ", ".join(str(record.image) for record in records[:3]) + (", …" if len(records) > 3 else "")
                remedy = "set data.channels=1 or data.channels=3, or store all alike"
                yield f"{names}: {number} channels; expected {usual} as in the other images; {remedy}"


def content_findings(contents: dict[bytes, list[Record]]) -> Iterator[str]:
    """Pictures that are the same, pixel for pixel, on two sides of the split."""
    for records in contents.values():
        if len({record.split for record in records}) > 1:
            names = " and ".join(f"{record.image} ({record.split})" for record in records[:3])
            yield f"{names} are the same picture; keep it in one split, or give both one group in the manifest"


def _content(sample: Sample) -> bytes:
    image = sample.image
    return hashlib.blake2b(image.tobytes(), digest_size=16).digest() + repr((image.shape, image.dtype.str)).encode()
