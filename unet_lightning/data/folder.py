"""A user's own images: `images/` beside `masks/` or `instances/`, or a manifest CSV."""

import csv
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Ge, Le

from unet_lightning.error import InputError
from unet_lightning.label import Coding
from unet_lightning.pipeline.read import read_files
from unet_lightning.record import SPLITS, DataSet, Record

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
LABELS = ("masks", "instances")
PAIRING = "give both the same name before the ending, or list the pairs in manifest.csv"
Byte = Annotated[int, Ge(0), Le(255)]


def find(
    root: str,
    classes: Sequence[str],
    manifest: str | None = None,
    ignore: int | None = None,
    label_values: dict[int, int] | None = None,
    colors: Sequence[Sequence[Byte]] | None = None,
    threshold: float | None = None,
    channels: Literal[1, 3] | None = None,
) -> DataSet:
    """The records below `root`.

    A manifest (its path relative to `root`; `manifest.csv` is found by itself) has the columns image, mask and/or
    instances, and optionally id, split, group, kind; its paths are relative to it. Without one, `images/`,
    `masks/` and `instances/` are paired by file name without ending, also inside `train/`, `val/` and `test/`.
    """
    folder = Path(root).expanduser()
    if not folder.is_dir():
        raise InputError(f"data.root={root} is not a folder; set data.root to the folder that holds images/")
    table = folder / (manifest or "manifest.csv")
    if manifest and not table.is_file():
        raise InputError(f"data.manifest={manifest}: no such file in {folder}")
    records, findings = read_manifest(table) if table.is_file() else pair(folder)
    coding = Coding(len(classes), ignore, label_values, colors, threshold)
    return DataSet(records, tuple(classes), partial(read_files, coding=coding, channels=channels), tuple(findings))


def read_manifest(table: Path) -> tuple[tuple[Record, ...], list[str]]:
    """The rows of a manifest CSV (UTF-8, comma) as records, and a finding for every row that can't be one."""
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns, rows = set(reader.fieldnames or ()), list(reader)
    except (UnicodeDecodeError, csv.Error, OSError) as error:
        raise InputError(f"{table} can't be read ({error}); save it as CSV UTF-8") from None
    if "image" not in columns or not columns & {"mask", "instances"}:
        came = sorted(str(column) for column in columns)
        raise InputError(f"{table} has the columns {came}; expected image and mask or instances; name them so")
    findings = [
        f"{table}, row {k}: no image, or a name that can't be one; correct the row"
        for k, row in enumerate(rows, 2)
        if not Path(row["image"] or "").name or any("\0" in str(value) for value in row.values())
    ]
    return tuple(_record(row, table.parent) for row in rows if not findings), findings


def _record(row: dict[str, str], base: Path) -> Record:
    mask, instances = (base / row[name] if row.get(name) else None for name in ("mask", "instances"))
    split, group, kind = (row.get(name) or "" for name in ("split", "group", "kind"))
    name = row.get("id") or str(Path(row["image"]).with_suffix(""))
    return Record(name, base / row["image"], mask, instances, group, split, kind)


def pair(folder: Path) -> tuple[tuple[Record, ...], list[str]]:
    """Images and labels of equal names as records, and a finding for each half of a pair that misses the other."""
    parts = [split for split in SPLITS if (folder / split / "images").is_dir()]
    records: list[Record] = []
    findings: list[str] = []
    for split in parts or [""]:
        found, lonely = _pair_one(folder / split, split)
        records += found
        findings += lonely
    return tuple(records), findings


def _pair_one(folder: Path, split: str) -> tuple[list[Record], list[str]]:
    images = _files(folder / "images")
    if not images:
        expected = f"images/ with {' '.join(SUFFIXES)} and masks/ or instances/, or manifest.csv"
        raise InputError(f"{folder} holds no pictures to train on; expected {expected}; set data.root")
    labels = {name: _files(folder / name) for name in LABELS if (folder / name).is_dir()}
    if not labels:
        raise InputError(f"{folder} has no masks/ and no instances/; expected one label for every image; add them")
    lonely = []
    for name, files in labels.items():
        lonely += [
            f"{images[stem]} has no partner in {name}/; {PAIRING}" for stem in sorted(images.keys() - files.keys())
        ]
        lonely += [
            f"{files[stem]} has no partner in images/; {PAIRING}" for stem in sorted(files.keys() - images.keys())
        ]
    masks, instances = (labels.get(name, {}) for name in LABELS)
    whole = [stem for stem in sorted(images) if all(stem in files for files in labels.values())]
    records = [
        Record(f"{split}/{stem}".lstrip("/"), images[stem], masks.get(stem), instances.get(stem), split=split)
        for stem in whole
    ]
    return records, lonely


def _files(folder: Path) -> dict[str, Path]:
    """File names without ending to paths; InputError where two files share a name."""
    found: dict[str, Path] = {}
    for path in sorted(folder.glob("*")):
        if path.suffix.lower() in SUFFIXES:
            if path.stem in found:
                raise InputError(
                    f"{path} and {found[path.stem]} have one name; expected one file a name; give each its own"
                )
            found[path.stem] = path
    return found
