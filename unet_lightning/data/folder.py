"""A user's own images: `images/` beside `masks/` or `instances/`, or a manifest, with labels of any form."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Ge, Le

from unet_lightning.data import expanded
from unet_lightning.error import InputError
from unet_lightning.label import Coding
from unet_lightning.pipeline import coco, labelme, layers, runs
from unet_lightning.pipeline.read import read_files
from unet_lightning.pipeline.text import Texts, read_table
from unet_lightning.record import SPLITS, DataSet, Record
from unet_lightning.sample import Sample

PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
IMAGES = (*PICTURES, ".npy", ".nii", ".nii.gz")
LABELS = (*IMAGES, ".gif", ".mat", ".json")
MANIFESTS = ("manifest.csv", "annotations.json")
PAIRING = "give both the same name before the ending, or list the pairs in manifest.csv"
Byte = Annotated[int, Ge(0), Le(255)]
Found = tuple[tuple[Record, ...], list[str]]


def find(
    root: str,
    classes: Sequence[str],
    manifest: str | None = None,
    ignore: int | None = None,
    label_values: dict[int, int] | None = None,
    colors: Sequence[Sequence[Byte]] | None = None,
    threshold: float | None = None,
    channels: Literal[1, 3] | None = None,
    variable: str | None = None,
) -> DataSet:
    """The records below `root`.

    A manifest (its path relative to `root`; `manifest.csv` and `annotations.json` are found by themselves) is a CSV
    with the columns image, mask and/or instances, and optionally id, split, group, kind, its paths relative to it; or a
    COCO file; or a CSV with the columns ImageId, EncodedPixels. Without one, `images/`, `masks/` and `instances/` are
    paired by file name without ending, also inside `train/`, `val/` and `test/`; `masks/` may hold a folder for each
    class, and labelme's JSON may lie beside the images. A volume gives a record a slice.
    """
    folder = Path(root).expanduser()
    if not folder.is_dir():
        raise InputError(f"data.root={root} is not a folder; set data.root to the folder that holds images/")
    coding = Coding(len(classes), ignore, label_values, colors, threshold)
    table = next((folder / name for name in ([manifest] if manifest else MANIFESTS) if (folder / name).is_file()), None)
    if manifest and table is None:
        raise InputError(f"data.manifest={manifest}: no such file in {folder}")
    if table is not None and table.suffix.lower() == ".json":
        return _described(table, classes, channels)
    columns = [] if table is None else read_table(table)[0]
    if table is not None and set(columns) >= set(runs.COLUMNS):
        return _encoded(table, classes, channels)
    records, findings = pair(folder, classes) if table is None else read_manifest(table)
    reading = partial(read, coding=coding, classes=tuple(classes), channels=channels, variable=variable)
    return DataSet(records, tuple(classes), reading, tuple(findings))


def read(record: Record, coding: Coding, classes: Sequence[str], channels: int | None, variable: str | None) -> Sample:
    """The sample of a record, by the form of its label: one mask a class, labelme's JSON, or numbers and colours."""
    if record.parts:
        return layers.read(record, len(classes), channels, coding.threshold, variable)
    if record.mask is not None and record.mask.suffix.lower() == ".json":
        return labelme.read(record, classes, channels)
    return read_files(record, coding, channels, variable)


def _described(path: Path, classes: Sequence[str], channels: int | None) -> DataSet:
    """The images of a COCO file; its categories are named in data.classes."""
    description = coco.describe(path)
    ids = description.class_ids(classes, strict=True)
    records, findings, texts = coco.find_images(description, (path.parent, path.parent / "images"), "", "")
    reading = partial(coco.read, texts=Texts(texts), class_ids=ids, classes=len(classes), channels=channels)
    return DataSet(tuple(records), tuple(classes), reading, tuple(findings))


def _encoded(path: Path, classes: Sequence[str], channels: int | None) -> DataSet:
    """The images of a table of run lengths, which lie in images/ or beside it."""
    folder = path.parent / "images"
    images = _files(folder if folder.is_dir() else path.parent, PICTURES)
    records, findings, texts = runs.find_images(path, images, classes)
    reading = partial(runs.read, texts=Texts(texts), classes=len(classes), channels=channels)
    return DataSet(tuple(records), tuple(classes), reading, tuple(findings))


def read_manifest(table: Path) -> Found:
    """The rows of a manifest CSV as records, and a finding for every row that can't be one."""
    columns, rows = read_table(table)
    if "image" not in columns or not {"mask", "instances"} & set(columns):
        came = sorted(str(column) for column in columns)
        raise InputError(f"{table} has the columns {came}; expected image and mask or instances; name them so")
    findings = [
        f"{table}, row {k}: no image, or a name that can't be one; correct the row"
        for k, row in enumerate(rows, 2)
        if not Path(row["image"] or "").name or any("\0" in str(value) for value in row.values())
    ]
    return _slices([_record(row, table.parent) for row in rows if not findings], findings)


def _record(row: dict[str, str], base: Path) -> Record:
    mask, instances = (base / row[name] if row.get(name) else None for name in ("mask", "instances"))
    split, group, kind = (row.get(name) or "" for name in ("split", "group", "kind"))
    name = row.get("id") or str(Path(row["image"]).with_suffix(""))
    return Record(name, base / row["image"], mask, instances, group, split, kind)


def pair(folder: Path, classes: Sequence[str] = ()) -> Found:
    """Images and labels of equal names as records, and a finding for each half of a pair that misses the other."""
    parts = [split for split in SPLITS if (folder / split / "images").is_dir()]
    records: list[Record] = []
    findings: list[str] = []
    for split in parts or [""]:
        found, lonely = _pair_one(folder / split, split, classes)
        records += found
        findings += lonely
    return _slices(records, findings)


def _slices(records: Sequence[Record], findings: list[str]) -> Found:
    """Records with every volume as its slices, and a finding for each volume that can't be opened."""
    found: list[Record] = []
    for record in records:
        try:
            found += expanded(record)
        except InputError as error:
            findings.append(str(error))
    return tuple(found), findings


def _pair_one(folder: Path, split: str, classes: Sequence[str]) -> tuple[list[Record], list[str]]:
    base = folder / "images" if (folder / "images").is_dir() else folder
    images = _files(base, IMAGES)
    if not images:
        expected = f"images/ with {' '.join(IMAGES)} and masks/ or instances/, or manifest.csv"
        raise InputError(f"{folder} holds no pictures to train on; expected {expected}; set data.root")
    labels = {name: _files(folder / name, LABELS) for name in ("masks", "instances") if (folder / name).is_dir()}
    if not labels and list(base.glob("*.json")):
        return _annotated(base, images, split)
    if not labels:
        raise InputError(f"{folder} has no masks/ and no instances/; expected one label for every image; add them")
    parts: dict[str, dict[str, Path]] = {}
    if not labels.get("masks", True):
        parts = _class_folders(folder / "masks", classes)
        del labels["masks"]
    whole, lonely = set(images), []
    for name, files in (*labels.items(), *((f"masks/{k}", v) for k, v in parts.items())):
        lonely += [f"{images[k]} has no partner in {name}/; {PAIRING}" for k in sorted(images.keys() - files.keys())]
        lonely += [f"{files[k]} has no partner in images/; {PAIRING}" for k in sorted(files.keys() - images.keys())]
        whole &= files.keys()
    masks, instances = (labels.get(name, {}) for name in ("masks", "instances"))
    return [
        Record(
            f"{split}/{name}".lstrip("/"),
            images[name],
            masks.get(name),
            instances.get(name),
            split=split,
            parts=tuple(files[name] for files in parts.values()),
        )
        for name in sorted(whole)
    ], lonely


def _annotated(base: Path, images: dict[str, Path], split: str) -> tuple[list[Record], list[str]]:
    """Pictures with labelme's JSON beside them, paired by the picture each JSON names."""
    records, findings, seen = [], [], set()
    for path in sorted(base.glob("*.json")):
        try:
            image = labelme.image_of(path)
            records.append(Record(f"{split}/{path.stem}".lstrip("/"), image, path, split=split))
            seen.add(image)
        except InputError as error:
            findings.append(str(error))
    lonely = [path for path in images.values() if path not in seen]
    return records, findings + [
        f"{path} is named by no JSON beside it; add its labels, or take it out" for path in lonely
    ]


def _class_folders(folder: Path, classes: Sequence[str]) -> dict[str, dict[str, Path]]:
    """Files of the folder of each class but background, in the order of the classes."""
    names = sorted(path.name for path in folder.iterdir() if path.is_dir())
    if not names or set(names) - {classes[0]} != set(classes[1:]):
        line = ",".join([classes[0], *(name for name in names if name != classes[0])])
        came = f"the folders {', '.join(names)}" if names else "no labels"
        raise InputError(
            f"{folder} holds {came}; expected {' '.join(LABELS)}, or a folder for each of {', '.join(classes[1:])}; "
            f"set 'data.classes=[{line}]' or add them"
        )
    return {name: _files(folder / name, LABELS) for name in classes[1:]}


def _files(folder: Path, endings: Sequence[str]) -> dict[str, Path]:
    """File names without ending to paths; InputError where two files share a name."""
    found: dict[str, Path] = {}
    for path in sorted(folder.glob("*")):
        ending = next((e for e in sorted(endings, key=len, reverse=True) if path.name.lower().endswith(e)), None)
        if ending is not None:
            name = path.name[: -len(ending)]
            if name in found:
                raise InputError(f"{path} and {found[name]} have one name; expected one file a name; give each its own")
            found[name] = path
    return found
