"""`unet-lightning validate data=…`: what training would refuse, and what is in a data set, without training."""

import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from unet_lightning.arguments import parse, parser
from unet_lightning.build import find_data
from unet_lightning.config import compose
from unet_lightning.error import InputError
from unet_lightning.part import check, make, plain_config
from unet_lightning.picture import write
from unet_lightning.pipeline.entry import Summary
from unet_lightning.pipeline.inspect import examine
from unet_lightning.pipeline.near import near_copies
from unet_lightning.pipeline.statistics import statistics
from unet_lightning.pipeline.store import Store
from unet_lightning.record import SPLITS, DataSet, Record, split_hash
from unet_lightning.report import facts
from unet_lightning.sheet import sheet, tile

HELP = """Check a data set without training on it.

  unet-lightning validate data=folder data.root=/my/set
  unet-lightning validate data=folder data.root=/my/set --json > account.json

Every file is read, in data.num_workers processes. Errors are what training refuses: broken files, labels without
meaning, pairs without a partner, the same picture or group on two sides of the split. Warnings are what it would
accept and you may not have meant, such as turned or resized copies on two sides of the split. The contact sheet
shows pictures spread over the set with their labels drawn over.

Exit code: 0 without errors, 1 with errors in the data, 2 for a wrong override. The data set is never written to.
"""
SHOWN = 24


def main(arguments: list[str]) -> int:
    """The verb; its exit code."""
    rules = parser("validate", HELP)
    rules.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    where = Path("outputs/contact_sheet.png")
    rules.add_argument("--sheet", type=Path, default=where, metavar="FILE", help=f"contact sheet, a PNG ({where})")
    options, overrides = parse(rules, arguments)
    if options.sheet.suffix != ".png":
        raise InputError(f"--sheet {options.sheet} is no PNG; name it like {where}")
    plain = plain_config(compose(overrides))
    check(plain)
    found = validate(plain, options.sheet)
    print(json.dumps(found, indent=1) if options.json else text(found))
    return 1 if found["errors"] else 0


def validate(plain: Mapping[str, Any], picture: Path) -> dict[str, Any]:
    """What is wrong with the data set of a plain config and what is in it, in plain containers; writes `picture`."""
    started = time.time()
    try:
        dataset = find_data(plain)
    except InputError as error:
        return {"status": "errors", "errors": str(error).splitlines(), "warnings": []}
    store = Store(dataset, make(plain["normalize"]), cache_gb=0)
    summaries, errors = examine(store, plain["data"]["num_workers"])
    found: dict[str, Any] = {
        "status": "errors" if errors else "ok",
        "images": {name: len(dataset.split(name)) for name in SPLITS},
        "classes": list(dataset.classes),
        "split_hash": split_hash(dataset.records),
        "errors": errors,
        "warnings": list(warnings(dataset, summaries, plain["data"]["crop"])),
    }
    training = [summaries[record] for record in dataset.split("train") if record in summaries]
    if len({summary.shape[2] for summary in training}) == 1:
        numbers = statistics(training)
        found |= {"statistics": numbers.to_dict(), "account": facts(dataset, numbers)}
    if summaries:
        picture.parent.mkdir(parents=True, exist_ok=True)
        write(str(picture), contact_sheet(store, list(summaries)))
        found["contact_sheet"] = str(picture)
    return found | {"seconds": round(time.time() - started, 1)}


def warnings(dataset: DataSet, summaries: Mapping[Record, Summary], crop: int) -> Iterator[str]:
    """What training accepts and may not be meant."""
    for name in SPLITS:
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
    for problem, ids in (
        ("show one grey value only", [r.id for r, s in summaries.items() if not s.moments[1].any()]),
        ("have no labelled pixel that counts", [r.id for r, s in summaries.items() if not s.counts.any()]),
        (f"are smaller than data.crop={crop}", [r.id for r, s in summaries.items() if min(s.shape[:2]) < crop]),
    ):
        if ids:
            yield f"{len(ids)} pictures {problem}: {listed(ids)}"


def copies(summaries: Mapping[Record, Summary]) -> Iterator[str]:
    """Equal pictures within a split, and almost equal ones on two sides; equal ones there are errors."""
    same: dict[tuple[str, bytes], list[str]] = defaultdict(list)
    for record, summary in summaries.items():
        if summary.moments[1].any():  # empty pictures are all alike
            same[record.split, summary.content].append(record.id)
    yield from (f"{listed(ids)} are the same picture" for ids in same.values() if len(ids) > 1)
    near = near_copies({record: summary.thumbnail for record, summary in summaries.items()})
    pairs = [(one, other) for one, other, _ in near if summaries[one].content != summaries[other].content]
    if pairs:
        names = listed([f"{one.id} ({one.split}) and {other.id}" for one, other in pairs])
        yield f"{len(pairs)} pictures are almost one of training, perhaps turned or mirrored: {names}"


def listed(names: Sequence[str]) -> str:
    """The first five of them."""
    return ", ".join(names[:5]) + (", …" if len(names) > 5 else "")


def contact_sheet(store: Store, records: list[Record]) -> Any:
    """Pictures spread evenly over the records, (H, W, 3)."""
    dataset = store.dataset
    chosen = [records[k] for k in np.linspace(0, len(records) - 1, min(SHOWN, len(records))).round().astype(int)]
    tiles = [tile(store[record], dataset.colors) for record in chosen]
    title = f"{len(chosen)} of {len(dataset.records)} pictures; objects outlined, ignored pixels striped"
    legend = list(zip(dataset.classes, dataset.colors, strict=True))[1:]
    return sheet(tiles, [f"{record.split} {record.id}" for record in chosen], title, legend)


def text(found: Mapping[str, Any]) -> str:
    """What people read."""
    lines = [f"{name:<10}{line}" for name, line in found.get("account", {}).items()]
    lines += [f"sheet     {found['contact_sheet']}"] if "contact_sheet" in found else []
    lines += [f"warning   {line}" for line in found["warnings"]]
    lines += [f"error     {line}" for line in found["errors"]]
    counts = f"{len(found['errors'])} errors, {len(found['warnings'])} warnings"
    return "\n".join([*lines, f"{found['status']}: {counts}" + f" in {found.get('seconds', 0)} s"])
