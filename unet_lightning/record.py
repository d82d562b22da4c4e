"""A record is one row of a data set: an image, its label, its group and its split. Nothing here decodes a picture."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from unet_lightning.error import InputError
from unet_lightning.sample import Sample

SPLITS = ("train", "val", "test")
SHARES = (0.6, 0.2, 0.2)
PALETTE = ((0, 0, 0), (230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (0, 114, 178), (213, 94, 0))


@dataclass(frozen=True)
class Record:
    """One labelled image.

    `group` names what must not be divided between splits (patient, sequence, plate); it is the id where images are
    independent. `split` is one of train, val, test, or empty as long as none is published. `kind` is an optional
    stratum by which the report breaks its scores down.
    """

    id: str
    image: Path
    mask: Path | None = None
    instances: Path | None = None
    group: str = ""
    split: str = ""
    kind: str = ""


@dataclass(frozen=True)
class DataSet:
    """Records, the names of their classes (class 0 first), how one is read, and what was already found to be wrong."""

    records: tuple[Record, ...]
    classes: tuple[str, ...]
    read: Callable[[Record], Sample]
    findings: tuple[str, ...] = ()

    @property
    def colors(self) -> tuple[tuple[int, int, int], ...]:
        """RGB of every class."""
        return tuple(PALETTE[k % len(PALETTE)] for k in range(len(self.classes)))

    def split(self, name: str) -> list[Record]:
        """The records of one split, in their order."""
        return [record for record in self.records if record.split == name]


def assign_splits(records: Sequence[Record], seed: int) -> tuple[Record, ...]:
    """Keep published splits; else share the groups out 60/20/20, ordered by a seeded hash of their names."""
    if any(record.split for record in records):
        strange = sorted({r.split for r in records} - set(SPLITS))
        if strange:
            raise InputError(
                f"split holds {strange}; expected one of {list(SPLITS)} in every row; correct the manifest"
            )
        return tuple(records)
    groups = sorted({r.group or r.id for r in records}, key=lambda group: _digest(f"{seed}/{group}"))
    if len(groups) < len(SPLITS):
        raise InputError(f"{len(groups)} groups can't make three splits; add images, or a manifest with a split column")
    sizes = [max(1, round(share * len(groups))) for share in SHARES[1:]]
    names = ["train"] * (len(groups) - sum(sizes)) + ["val"] * sizes[0] + ["test"] * sizes[1]
    of_group = dict(zip(groups, names, strict=True))
    return tuple(replace(r, split=of_group[r.group or r.id]) for r in records)


def split_hash(records: Sequence[Record]) -> str:
    """12 hex digits that change when any image changes sides."""
    return _digest("\n".join(sorted(f"{r.split}/{r.id}" for r in records)))[:12]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
