"""One pass over every record before training, which reports all errors of the data set at once."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from unet_lightning.error import InputError, some
from unet_lightning.pipeline.cache.entry import Summary
from unet_lightning.pipeline.cache.shared import Inspection, shared
from unet_lightning.pipeline.cache.store import Store
from unet_lightning.pipeline.findings import grouped
from unet_lightning.pipeline.parallel import map_records
from unet_lightning.pipeline.statistics import Statistics, statistics
from unet_lightning.record import Record

MOST = 20


def inspect(store: Store, workers: int = 0) -> Statistics:
    """Read every record of a data set; InputError with all findings, else the statistics of the training split."""
    summaries, findings = inspect_all(store, workers)
    if findings:
        shown = findings[:MOST] + ([f"… and {len(findings) - MOST} more"] if len(findings) > MOST else [])
        raise InputError("\n".join(shown))
    return statistics([summaries[record] for record in store.dataset.split("train")])


def inspect_all(store: Store, workers: int = 0) -> tuple[dict[Record, Summary], list[str]]:
    """The summaries of all readable records, and all errors of the data set, one line each.

    Records are read in up to `workers` processes. The store keeps what was read, as far as it has room. In a sweep
    those that the trial before inspected aren't read again.
    """
    dataset = store.dataset
    identities = shared.identities(dataset, store.free, store.folder)
    known = shared.recall(identities)
    store.settle({record: look.entry for record, look in known.items() if look.entry is not None})
    if store.disk is None:  # what lies on disk alone is read again for memory
        known = {record: look for record, look in known.items() if look.key is None}
    faults = dataset.findings or split_findings(dataset.records)
    found: list[tuple[str, tuple[Path, ...]]] = [(text, ()) for text in faults]
    summaries: dict[Record, Summary] = {}
    kept: dict[str, Inspection] = {}
    for record, look in zip(dataset.records, inspections(store, known, workers), strict=True):
        store.adopt(record, look.entry, look.key, look.sound, look.complaint)
        if look.summary is None:
            found.append((look.finding, record.files))
            continue
        summaries[record] = look.summary
        store.contents[record.id] = (look.summary.content.hex(), look.summary.label.hex())
        if record in identities and not look.complaint:
            kept[identities[record]] = replace(look, entry=store.kept.get(record))
    shared.keep(kept)
    findings = [*grouped(found), *channel_findings(summaries), *content_findings(summaries)]
    training = [summary.counts for record, summary in summaries.items() if record.split == "train"]
    if training and not np.any(training) and not findings:
        findings.append("no pixel of the training split counts; correct data.ignore or the labels")
    return summaries, findings


def inspections(store: Store, known: Mapping[Record, Inspection], workers: int) -> Iterator[Inspection]:
    """Of every record in its order: what is known of it, or what reading it finds."""
    records = store.dataset.records
    unread = [record for record in records if record not in known]
    processes = 0 if store.dataset.in_memory else workers  # whose results would be copies
    read = map_records(partial(inspect_record, store), unread, processes, "reading")
    yield from (known[record] if record in known else next(read) for record in records)
    yield from read  # nothing is left, and its processes end


def inspect_record(store: Store, record: Record) -> Inspection:
    """Read one record; runs in any process."""
    try:
        entry = store.kept[record] if record in store.kept else store.fetch(record)
    except InputError as error:
        return Inspection(None, str(error))
    if store.disk is None:
        return Inspection(entry.summary, entry=entry if store.free or store.dataset.in_memory else None)
    disk = store.disk
    sound = disk.is_sound(record, "entry")
    return Inspection(entry.summary, key=disk.keys.get(record), sound=sound, complaint=disk.complaint)


def split_findings(records: tuple[Record, ...]) -> Iterator[str]:
    """Findings for an empty training or validation split, and for groups that are in several splits."""
    for name in ("train", "val"):
        if not any(record.split == name for record in records):
            yield f"no record is in the split {name!r}; add images, or correct the split column of the manifest"
    sides: dict[str, set[str]] = defaultdict(set)
    for record in records:
        if record.group:
            sides[record.group].add(record.split)
    torn = [
        f"group {group!r} is in {' and '.join(sorted(splits))}" for group, splits in sides.items() if len(splits) > 1
    ]
    if torn:
        yield f"{some(torn, 'groups')}; keep each group in one split of the manifest"


def channel_findings(summaries: Mapping[Record, Summary]) -> Iterator[str]:
    """Findings for images whose number of channels differs from that of most images."""
    channels: dict[int, list[Record]] = defaultdict(list)
    for record, summary in summaries.items():
        channels[summary.shape[2]].append(record)
    usual = max(channels, key=lambda n: len(channels[n]), default=0)
    for number, records in channels.items():
        if number != usual:
            names = some([record.image for record in records])
            remedy = "set data.channels=1 or data.channels=3, or store all alike"
            yield f"{names}: {number} channels; expected {usual} as in the other images; {remedy}"


def content_findings(summaries: Mapping[Record, Summary]) -> Iterator[str]:
    """Findings for identical images in different splits, except images of a single grey value."""
    contents: dict[bytes, list[Record]] = defaultdict(list)
    for record, summary in summaries.items():
        if summary.moments[1].any():
            contents[summary.content].append(record)
    copies = [
        " and ".join(f"{record.image} ({record.split})" for record in records[:3])
        for records in contents.values()
        if len({record.split for record in records}) > 1
    ]
    if copies:
        remedy = "keep it in one split, or give both one group in the manifest"
        yield f"the same picture: {some(copies, 'pictures')}; {remedy}"
