"""Functions for several published layouts: find the folder, pair files by name, fill in splits."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from unet_lightning.error import InputError, some
from unet_lightning.reading.endings import NIFTI, ends_in
from unet_lightning.reading.names import is_hidden
from unet_lightning.reading.nifti import check_place, slices
from unet_lightning.record import Record

Item = TypeVar("Item")
BLOCKS = 10
SPLIT_NAMES = {"train": ("train", "training"), "val": ("val", "valid", "validation"), "test": ("test", "testing")}


def split_of(name: str) -> str:
    """The split that a folder of this name holds, in any case of letters; '' for another name.

    >>> split_of("Valid"), split_of("images")
    ('val', '')
    """
    return next((split for split, names in SPLIT_NAMES.items() if name.lower() in names), "")


def find_root(root: str | None, sign: str, source: str, below: Sequence[str] = ()) -> Path:
    """The folder that holds `sign` (a pattern): root itself or one of the folders `below` it.

    source: what to download and from where, which the InputError for a root without it says.
    """
    if root is None:
        raise InputError(f"data.root is missing; {source}; then set data.root=FOLDER, the folder that holds {sign}")
    folder = Path(root).expanduser()
    for candidate in (folder, *(folder / name for name in below)):
        if next(candidate.glob(sign), None) is not None:
            return candidate
    raise InputError(f"data.root={root} holds no {sign}; {source}; then set data.root to the folder that holds it")


def pair_names(
    images: dict[str, Path], labels: dict[str, Path], where: tuple[str, str], needed: bool = True
) -> tuple[list[str], list[str]]:
    """Names in both in their order, and a finding for labels without an image and, if needed, the reverse."""
    lonely = [labels[k] for k in sorted(labels.keys() - images.keys())]
    missing = [images[k] for k in sorted(images.keys() - labels.keys()) if needed]
    findings = [
        f"{some(paths)} {'has' if len(paths) == 1 else 'have'} no {what} of that name in {place}; add it"
        for paths, what, place in ((lonely, "image", where[0]), (missing, "label", where[1]))
        if paths
    ]
    return sorted(images.keys() & labels.keys()), findings


def files_by_name(folder: Path, pattern: str, ending: str = "") -> dict[str, Path]:
    """Files of a pattern by their names below the folder, without `ending` or, by default, without their suffix."""
    found = {}
    for path in sorted(folder.glob(pattern)):
        if not is_hidden(path.name):
            name = path.relative_to(folder).as_posix()
            found[name.removesuffix(ending) if ending else name.removesuffix(path.suffix)] = path
    return found


def expand_slices(record: Record) -> Iterator[Record]:
    """A record for each slice of a volume, which is their group; a picture as it is."""
    volume = ends_in(record.image, NIFTI)
    for label in record.files[1:]:
        if ends_in(label, NIFTI):
            check_place(record.image if volume else None, label)
    number = slices(record.image) if volume else None
    if number is None:
        yield record
        return
    for page in range(number):
        yield replace(record, id=f"{record.id}/{page:04d}", page=page, group=record.group or record.id)


def split_in_blocks(items: Sequence[Item]) -> Iterable[tuple[Item, int, str]]:
    """Frames of one sequence with their block of time and split: neighbours are near-copies and stay together.

    The first 60 % train, the next 20 % are val, the last are test. Ten blocks of time are the groups of a
    cross-validation.
    """
    for k, item in enumerate(items):
        share = (k + 0.5) / len(items)
        yield item, int(share * BLOCKS), "train" if share < 0.6 else "val" if share < 0.8 else "test"


def val_is_test(records: Sequence[Record]) -> tuple[Record, ...]:
    """Records with published splits. Where no test labels are published the val list is test, so that a score compares
    with published ones and is read once; `assign_splits` then takes val from the training groups.
    """
    published = any(record.split == "test" for record in records)
    return tuple(replace(r, split="test") if r.split == "val" and not published else r for r in records)
