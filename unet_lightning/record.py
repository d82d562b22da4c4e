"""A record is one row of a data set: an image, its label, its group and its split. Nothing here decodes a picture."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge

from unet_lightning.error import InputError, counted
from unet_lightning.label import PALETTE, Color, voc_palette
from unet_lightning.sample import Sample

SPLITS = ("train", "val", "test")
SHARE = 0.2  # of the groups, for val and for test
NNUNET_FOLDS, NNUNET_SEED = 5, 12345
Folds = Annotated[int, Ge(2)] | Literal["nnunet"]


@dataclass(frozen=True)
class Record:
    """One labelled image.

    `group` names images that must stay in the same split (of one patient, sequence, plate); empty where images are
    independent. `split` is train, val or test; empty if the data set publishes none. `kind` is an optional category of
    images that the report scores separately. `page` is the slice of a volume or the page of a stack. `parts` are
    further files of the label: one mask for each class or object, a field of view, markers.
    """

    id: str
    image: Path
    mask: Path | None = None
    instances: Path | None = None
    group: str = ""
    split: str = ""
    kind: str = ""
    page: int | None = None
    parts: tuple[Path, ...] = ()

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file it is read from, the image first."""
        return tuple(path for path in (self.image, self.mask, self.instances, *self.parts) if path is not None)


@dataclass(frozen=True)
class DataSet:
    """Records, the names of their classes (class 0 first), how one is read, what was already found to be wrong, and
    notes on what was understood in a way that may not be meant.

    findings: errors found so far, one line each. palette: RGB of every class as the publisher defines them, or empty.
    background: whether class 0 is background, which scores of the foreground leave out. in_memory: whether samples are
    arrays that are there already, so that no process needs to decode them and no cache to keep them.
    """

    records: tuple[Record, ...]
    classes: tuple[str, ...]
    read: Callable[[Record], Sample]
    findings: tuple[str, ...] = ()
    palette: tuple[Color, ...] = ()
    background: bool = True
    notes: tuple[str, ...] = ()
    in_memory: bool = False

    @property
    def colors(self) -> tuple[Color, ...]:
        """RGB of every class: the publisher's, or seven that the colour-blind can tell apart, or VOC's for more."""
        number = len(self.classes)
        return (self.palette or (PALETTE if number <= len(PALETTE) else voc_palette(number)))[:number]

    def split(self, name: str) -> list[Record]:
        """The records of one split, in their order."""
        return [record for record in self.records if record.split == name]


def assign_splits(
    records: Sequence[Record],
    seed: int,
    *,
    fold: Annotated[int, Ge(0)] | None = None,
    folds: Folds = 5,
    train_images: Annotated[int, Ge(1)] | None = None,
) -> tuple[Record, ...]:
    """Records with their splits: the published ones, or whole groups, ordered by a hash of the seed and their names.

    fold: the cross-validation fold, of `folds`, that is held out; of `nnunet` it is one of the five that nnU-Net makes
    itself. train_images: keep at most this many training images, evenly spread. InputError where there are too few
    groups.
    """
    assigned = _assigned(records, seed, fold, folds)
    train = [record for record in assigned if record.split == "train"]
    if train_images is None or train_images >= len(train):
        return assigned
    kept = {train[int((k + 0.5) * len(train) / train_images)] for k in range(train_images)}
    return tuple(record for record in assigned if record.split != "train" or record in kept)


def number_of_folds(folds: Folds) -> int:
    """Into how many folds `data.folds` divides.

    >>> number_of_folds(3), number_of_folds("nnunet")
    (3, 5)
    """
    return NNUNET_FOLDS if folds == "nnunet" else folds


def _assigned(records: Sequence[Record], seed: int, fold: int | None, folds: Folds) -> tuple[Record, ...]:
    """Keep the published splits and add the missing ones, by whole groups, ordered by a seeded hash of their names.

    No published splits: 60/20/20. A published training split without val: a fifth of its groups becomes val.
    fold: cross-validation. A published test split stays, and fold number `fold` of the other groups is val; without a
    published test split that fold is test and the next one is val.
    """
    strange = sorted({r.split for r in records} - {"", *SPLITS})
    if strange or len({bool(r.split) for r in records}) > 1:
        raise InputError(
            f"split holds {strange or ['']}; expected one of {list(SPLITS)} in every row; correct the manifest"
        )
    published = {r.split for r in records} & set(SPLITS)
    if fold is not None and folds == "nnunet":
        return _folded_as_nnunet(records, fold)
    if fold is not None:
        return _folded(records, seed, fold, number_of_folds(folds), "test" in published)
    if "val" in published or (published and "train" not in published):
        return tuple(records)
    movable = _groups([r for r in records if r.split in ("", "train")], seed)
    names = ("val",) if published else ("val", "test")
    if len(movable) <= len(names):
        parts = " and ".join(("train", *names))
        many = counted(len(movable), "group")
        remedy = "images, or a manifest with splits" if len(movable) > 1 else "images of other groups"
        raise InputError(f"{many} can't be divided into {parts}; add {remedy}")
    size = max(1, round(SHARE * len(movable)))
    held_out = [name for name in names for _ in range(size)]
    sides = ["train"] * (len(movable) - len(held_out)) + held_out
    return _moved(records, dict(zip(movable, sides, strict=True)), keep="test" if published else "")


def _folded(records: Sequence[Record], seed: int, fold: int, folds: int, has_test: bool) -> tuple[Record, ...]:
    """The splits of one fold; group number k of the seeded order is in fold k modulo `folds`."""
    movable = _groups([r for r in records if r.split != "test"], seed)
    needed = 2 if has_test else 3
    if not needed <= folds <= len(movable) or fold >= folds:
        came = f"data.fold={fold} data.folds={folds} with {counted(len(movable), 'group')}"
        if len(movable) < needed:
            more = "images, or set data.fold=null and name the splits in a manifest"
            remedy = more if len(movable) > 1 else "images of other groups"
            raise InputError(f"{came}; expected {needed} groups or more; add {remedy}")
        possible = min(max(folds, needed), len(movable))
        raise InputError(
            f"{came}; expected {needed} to {len(movable)} folds and a fold below data.folds; "
            f"set data.folds={possible} data.fold={fold if fold < possible else 0}"
        )
    held_out = {fold: "val"} if has_test else {fold: "test", (fold + 1) % folds: "val"}
    return _moved(records, {g: held_out.get(k % folds, "train") for k, g in enumerate(movable)}, keep="test")


def _folded_as_nnunet(records: Sequence[Record], fold: int) -> tuple[Record, ...]:
    """One fold is val and the others are train: sorted names, shuffled by a fixed seed and cut into five.

    A published test split stays, and there is no other. A case of nnU-Net is a group: what has none is its own.
    Isensee et al., Nature Methods 2021, doi:10.1038/s41592-020-01008-z; the folds are those of its code.
    """
    names = sorted({r.group or r.id for r in records if r.split != "test"})
    if not (fold < NNUNET_FOLDS <= len(names)):
        raise InputError(
            f"data.fold={fold} data.folds=nnunet with {len(names)} groups; expected a fold of 0 to {NNUNET_FOLDS - 1} "
            f"and {NNUNET_FOLDS} groups or more; set data.folds to a number"
        )
    order = np.arange(len(names))
    np.random.RandomState(NNUNET_SEED).shuffle(order)
    held_out = {names[k] for k in np.array_split(order, NNUNET_FOLDS)[fold]}
    return _moved(records, {name: "val" if name in held_out else "train" for name in names}, keep="test")


def _groups(records: Sequence[Record], seed: int) -> list[str]:
    return sorted({r.group or r.id for r in records}, key=lambda group: _digest(f"{seed}/{group}"))


def _moved(records: Sequence[Record], side: Mapping[str, str], keep: str) -> tuple[Record, ...]:
    """Every record in the split of its group, except the records that are already in the split `keep`."""
    return tuple(r if keep and r.split == keep else replace(r, split=side[r.group or r.id]) for r in records)


def keep_splits(
    records: Sequence[Record], before: Mapping[str, str], published: Mapping[str, str]
) -> tuple[Record, ...]:
    """Every record whose id is in `before` on the side it had there, so that none that was trained on is ever tested.

    A new record joins its group; else it is where it was published, or in the training split.
    """
    groups = {r.group: before[r.id] for r in records if r.group and r.id in before}
    sides = (before.get(r.id) or groups.get(r.group) or published.get(r.id) or "train" for r in records)
    return tuple(replace(r, split=side) for r, side in zip(records, sides, strict=True))


def split_hash(records: Sequence[Record]) -> str:
    """12 hex digits that change when any image moves to another split."""
    return _digest("\n".join(sorted(f"{r.split}/{r.id}" for r in records)))[:12]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
