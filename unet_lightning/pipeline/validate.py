"""Check a data set without training: errors that training refuses, and warnings."""

import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from unet_lightning.config.instantiate import instantiate
from unet_lightning.error import InputError, shown, some
from unet_lightning.page.contact_sheet import contact_sheet, labelled_thumbnail
from unet_lightning.page.picture import encode_png
from unet_lightning.pipeline.cache.entry import Summary
from unet_lightning.pipeline.cache.store import Store
from unet_lightning.pipeline.describe import describe_data
from unet_lightning.pipeline.find import find_dataset
from unet_lightning.pipeline.inspect import inspect_all
from unet_lightning.pipeline.near_copies import near_copies
from unet_lightning.pipeline.statistics import statistics
from unet_lightning.record import SPLITS, DataSet, Record, split_hash
from unet_lightning.runtime.files import write_atomic
from unet_lightning.tiling.window import sides_of

SHOWN = 24


def validate(plain: Mapping[str, Any], picture: Path) -> dict[str, Any]:
    """Errors, warnings, statistics and description of a plain config's data set, as dictionaries, lists and numbers.

    picture: where the contact sheet is written.
    """
    started = time.time()
    try:
        dataset = find_dataset(plain)
    except InputError as error:
        return {"status": "errors", "errors": str(error).splitlines(), "warnings": []}
    store = Store(dataset, instantiate(plain["normalize"]), cache_gb=0)
    summaries, errors = inspect_all(store, plain["data"]["num_workers"])
    found: dict[str, Any] = {
        "status": "errors" if errors else "ok",
        "images": {name: len(dataset.split(name)) for name in SPLITS},
        "classes": list(dataset.classes),
        "split_hash": split_hash(dataset.records),
        "errors": errors,
        "warnings": [*dataset.notes, *warnings(dataset, summaries, plain["data"]["crop"])],
    }
    training = [summaries[record] for record in dataset.split("train") if record in summaries]
    if len({summary.shape[2] for summary in training}) == 1 and not dataset.findings:
        numbers = statistics(training)
        found |= {"statistics": numbers.to_dict(), "description": describe_data(dataset, numbers)}
    if summaries:
        write_atomic(picture, encode_png(sheet_of(store, list(summaries))))
        found["contact_sheet"] = str(picture)
    return found | {"seconds": round(time.time() - started, 1)}


def warnings(dataset: DataSet, summaries: Mapping[Record, Summary], crop: int | Sequence[int]) -> Iterator[str]:
    """What training accepts and may not be meant; nothing that comes of records which are missing or can't be read."""
    whole = not dataset.findings and len(summaries) == len(dataset.records)
    for name in SPLITS if whole else ():
        counts = [summary.counts for record, summary in summaries.items() if record.split == name]
        if not counts:
            yield f"no picture in the split {name!r}"
            continue
        absent = [label for label, pixels in zip(dataset.classes, np.sum(counts, 0), strict=True) if not pixels]
        if absent:
            yield f"no pixel of {', '.join(absent)} in the split {name!r}"
    yield from copies(summaries)
    dtypes = Counter(summary.dtype for summary in summaries.values())
    if len(dtypes) > 1:
        yield "pictures of several types: " + ", ".join(f"{number} of {name}" for name, number in dtypes.items())
    smaller = [r.id for r, s in summaries.items() if np.less(s.shape[:2], sides_of(crop)).any()]
    for problem, ids in (
        ("one grey value only", [r.id for r, s in summaries.items() if not s.moments[1].any()]),
        ("only ignored pixels", [r.id for r, s in summaries.items() if not s.counts.any()]),
        (f"smaller than data.crop={shown(crop)}", smaller),
    ):
        if ids:
            yield f"{problem}: {some(ids, 'pictures')}"


def copies(summaries: Mapping[Record, Summary]) -> Iterator[str]:
    """Identical pictures within a split, and near-duplicates in different splits (identical ones there are errors)."""
    same: dict[tuple[str, bytes], list[str]] = defaultdict(list)
    for record, summary in summaries.items():
        if summary.moments[1].any():  # empty pictures are all alike
            same[record.split, summary.content].append(record.id)
    yield from (f"the same picture: {some(ids, 'pictures')}" for ids in same.values() if len(ids) > 1)
    near = near_copies({record: summary.thumbnail for record, summary in summaries.items()})
    pairs = [(one, other) for one, other, _ in near if summaries[one].content != summaries[other].content]
    if pairs:
        names = some([f"{one.id} ({one.split}) and {other.id}" for one, other in pairs], "pictures")
        yield f"almost copies of training pictures, perhaps rotated or mirrored: {names}"


def sheet_of(store: Store, records: list[Record]) -> Any:
    """A contact sheet (H, W, 3) of pictures spread evenly over the records."""
    dataset = store.dataset
    chosen = [records[k] for k in np.linspace(0, len(records) - 1, min(SHOWN, len(records))).round().astype(int)]
    tiles = [labelled_thumbnail(store[record], dataset.colors) for record in chosen]
    title = f"{len(chosen)} of {len(dataset.records)} pictures; objects outlined, ignored pixels striped"
    legend = list(zip(dataset.classes, dataset.colors, strict=True))[1:]
    return contact_sheet(tiles, [f"{record.split} {record.id}" for record in chosen], title, legend)
