"""The data a run began with: which record was on which side, and what it held; a run that goes on is held to it."""

import csv
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from unet_lightning.error import InputError, examples
from unet_lightning.record import SPLITS, Record
from unet_lightning.runtime.files import cell_text, write_table

log = logging.getLogger(__name__)
SPLIT = "split.csv"  # for people: id, split, group, kind of the records as they are
CONTENT = "content.csv"  # of every record that the run has ever seen: id, split, hashes of image and label
Contents = Mapping[str, tuple[str, str]]


@dataclass(frozen=True)
class Seen:
    """A record as a run saw it: hashes of its decoded image and label, and its split."""

    id: str
    split: str
    image: str
    label: str


@dataclass(frozen=True)
class KnownData:
    """splits: of each record of the last start. seen: all records of all starts, the last of an id being its newest."""

    splits: Mapping[str, str]
    seen: tuple[Seen, ...] = ()

    def check(self, records: Sequence[Record], contents: Contents, changed: str) -> None:
        """InputError where the data isn't what it was, unless `changed` is accept: then a warning.

        Never accepted is a picture in the val or test split that was trained on.
        """
        found = self.changes(contents)
        if found:
            fault = f"the data has changed since this run began: {found}"
            if changed != "accept":
                raise InputError(
                    f"{fault}. Put it back, go on all the same by data.changed=accept, or begin another run: run=…"
                )
            log.warning(f"{fault}. The run goes on with what is there now")
        last = {one.id: one for one in self.seen if one.id in self.splits}.values()  # as the last start saw them
        held_out = {one.image for one in last if one.split != "train"}  # also in training only if all are one colour
        trained = {one.image for one in self.seen if one.split == "train"} - held_out
        leaked = [r.id for r in records if r.split != "train" and contents[r.id][0] in trained]
        if leaked:
            raise InputError(
                f"{examples(leaked)}: this run has trained on pictures that are now held out as {leaked[0]!r}; take "
                "them out of its val and test split, or begin another run: run=…"
            )

    def changes(self, contents: Contents) -> str:
        """How many records were changed, renamed, added and deleted, with examples; empty where none was."""
        before = {one.id: (one.image, one.label) for one in self.seen}
        added = {content: name for name, content in contents.items() if name not in self.splits}
        new = [name for name in contents if name not in self.splits]
        gone = [name for name in self.splits if name not in contents]
        renamed = {name: added[before[name]] for name in gone if before.get(name) in added}
        groups = {
            "changed": [
                name for name in self.splits if name in before and contents.get(name, before[name]) != before[name]
            ],
            "renamed": [f"{old} to {now}" for old, now in renamed.items()],
            "added": [name for name in new if name not in renamed.values()],
            "deleted": [name for name in gone if name not in renamed],
        }
        return "; ".join(f"{len(names)} {what} ({examples(names)})" for what, names in groups.items() if names)


def read_known(folder: Path) -> KnownData | None:
    """What `write_known` wrote; None where a run of before left nothing. InputError where it isn't that."""
    path = folder / SPLIT
    if not path.is_file():
        return None
    try:
        splits = {row["id"]: row["split"] for row in _rows(path)}
        if not splits or set(splits.values()) - set(SPLITS):
            raise ValueError("no splits")
        path = folder / CONTENT
        seen = [Seen(**{name: row[name] for name in ("id", "split", "image", "label")}) for row in _rows(path)]
    except (OSError, ValueError, KeyError, TypeError, csv.Error):
        raise InputError(f"{path}: not what a run wrote there; put it back, or begin another run: run=…") from None
    return KnownData(splits, tuple(seen))


def write_known(folder: Path, records: Sequence[Record], contents: Contents, known: KnownData | None) -> None:
    """split.csv: which record is on which side. content.csv: what it holds, below what the run has seen before."""
    seen = dict.fromkeys(known.seen if known else ())
    for record in records:
        now = Seen(record.id, record.split, *contents[record.id])
        seen.pop(now, None)
        seen[now] = None
    write_table(folder / CONTENT, [vars(one) for one in seen])
    rows = [{"id": r.id, "split": r.split, "group": r.group, "kind": r.kind} for r in records]
    write_table(folder / SPLIT, rows)


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.is_file():  # of a run of before
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [{name: cell_text(value) for name, value in row.items()} for row in csv.DictReader(file, strict=True)]
