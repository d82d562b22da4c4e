"""A user's own images: `images/` beside `masks/` or `instances/`, or a manifest, with labels of any form."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le

from unet_lightning.data.layout import expand_slices
from unet_lightning.data.pairs import files, pair
from unet_lightning.data.unread import unread
from unet_lightning.error import InputError
from unet_lightning.label import LabelEncoding
from unet_lightning.reading import class_masks, coco, geojson, labelme, roi, run_length
from unet_lightning.reading.axes import check_axes
from unet_lightning.reading.endings import PICTURES
from unet_lightning.reading.found import Found
from unet_lightning.reading.names import guess_notes, locate, relative, with_slashes
from unet_lightning.reading.sample import read_files
from unet_lightning.reading.text import Table, TextBlock, read_table, uneven_rows
from unet_lightning.reading.undrawn import Boxes, undrawn, with_boxes
from unet_lightning.record import DataSet, Record
from unet_lightning.sample import Sample

MANIFESTS = ("manifest.csv", "annotations.json")
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
    variable: str | None = None,
    axes: str | None = None,
    suffix: str | None = None,
    boxes: Boxes | None = None,
) -> DataSet:
    """The records below `root`.

    A manifest (its path relative to `root`; `manifest.csv` and `annotations.json` are found by themselves) is a CSV
    with the columns image, mask and/or instances, and optionally id, split, group, kind, its paths relative to it; or a
    COCO file; or a CSV with the columns ImageId, EncodedPixels. Without one, `images/`, `masks/` and `instances/` are
    paired by the path below them without ending, also inside `train/`, `val/` and `test/`; `masks/` may hold a folder
    for each class, and labelme's JSON, GeoJSON or ImageJ's ROIs may lie beside the images. `suffix` is what labels have
    behind the names of their images; with it they may lie among them. `boxes` is what becomes of objects of a COCO file
    that have a box and no outline. A volume gives a record a slice.
    """
    folder = Path(root).expanduser()
    if not folder.is_dir():
        raise InputError(f"data.root={root} is not a folder; set data.root to the folder that holds images/")
    axes = axes if axes is None else check_axes(axes)
    encoding = LabelEncoding(len(classes), ignore, label_values, colors, threshold)
    table = next((folder / name for name in ([manifest] if manifest else MANIFESTS) if (folder / name).is_file()), None)
    if manifest and table is None:
        came = f"data.manifest={manifest}: no such file in {folder}"
        raise InputError(f"{came}; correct the name, or set data.manifest=null")
    if table is not None and table.suffix.lower() == ".json":
        return _described(table, classes, {"channels": channels, "axes": axes}, boxes)
    content: Table = ([], []) if table is None else read_table(table)
    if table is not None and set(content[0]) >= set(run_length.COLUMNS):
        return _encoded(table, content, classes, {"channels": channels, "axes": axes})
    found = pair(folder, classes, suffix or "") if table is None else manifest_pairs(table, content)
    records, broken = sliced(found.records)
    form: dict[str, Any] = {"channels": channels, "variable": variable, "axes": axes}
    reading = partial(read, encoding=encoding, classes=tuple(classes), **form)
    findings = (*found.findings, *broken)
    notes = (*found.notes, *(() if findings else unread(folder, found.seen)))
    return DataSet(records, tuple(classes), reading, findings, notes=notes)


def read(
    record: Record,
    encoding: LabelEncoding,
    classes: Sequence[str],
    channels: int | None,
    variable: str | None,
    axes: str | None = None,
) -> Sample:
    """The sample of a record, by the form of its label: a mask a class, JSON, GeoJSON, ROIs, numbers or colours."""
    if record.parts:
        return class_masks.read(record, len(classes), channels, encoding.threshold, variable, axes)
    ending = (record.mask or record.instances or record.image).suffix.lower()
    if ending == geojson.ENDING:
        return geojson.read(record, classes, channels, axes)
    if ending == roi.ENDING:
        return roi.read(record, len(classes), channels, axes)
    if record.mask is not None and record.mask.suffix.lower() == ".json":
        return labelme.read(record, classes, channels, axes)
    return read_files(record, encoding, channels, variable, axes)


def _described(path: Path, classes: Sequence[str], form: Mapping[str, Any], boxes: Boxes | None) -> DataSet:
    """The images of a COCO file; its categories are named in data.classes."""
    description = with_boxes(coco.read_description(path), boxes)
    ids = description.class_ids(classes, strict=True)
    found = coco.find_images(description, (path.parent, path.parent / "images"), "", "")
    texts = TextBlock(found.texts)
    reading = partial(coco.read, texts=texts, class_ids=ids, classes=len(classes), **form)
    undrawn_findings, undrawn_notes = undrawn(description, ids)
    findings = (*found.findings, *undrawn_findings)
    images = [record.image for record in found.records]
    notes = (*found.notes, *undrawn_notes, *(() if findings else unread(path.parent, images)))
    return DataSet(tuple(found.records), tuple(classes), reading, findings, notes=notes)


def _encoded(path: Path, content: Table, classes: Sequence[str], form: Mapping[str, Any]) -> DataSet:
    """The images of a table of run lengths, which lie in images/ or beside it."""
    folder = path.parent / "images"
    images = files(folder if folder.is_dir() else path.parent, PICTURES, deep=False)
    found = run_length.find_images(path, content, images, classes)
    reading = partial(run_length.read, texts=TextBlock(found.texts), classes=len(classes), **form)
    notes = () if found.findings else tuple(unread(path.parent, images.values()))
    return DataSet(tuple(found.records), tuple(classes), reading, tuple(found.findings), notes=notes)


def manifest_pairs(table: Path, content: Table) -> Found:
    """The rows of a manifest CSV as records, and a finding for every row that can't be one."""
    columns, rows = content
    if "image" not in columns or not {"mask", "instances"} & set(columns):
        came = sorted(str(column) for column in columns)
        raise InputError(f"{table} has the columns {came}; expected image and mask or instances; name them so")
    findings = uneven_rows(table, columns, rows) or [
        f"{table}, row {k}: no image, or a name that can't be one; correct the row"
        for k, row in enumerate(rows, 2)
        if not Path(row["image"] or "").name or any("\0" in str(value) for value in row.values())
    ]
    if findings:
        return Found(findings=findings)
    names = [row[column] for row in rows for column in ("image", "mask", "instances") if row.get(column)]
    exact, guessed = locate(names, [table.parent])
    places = {name: table.parent / with_slashes(name) for name in names} | exact | guessed
    ids = {name: with_slashes(name) for name in names} | {k: relative(v, [table.parent]) for k, v in guessed.items()}
    records = [_record(row, places, ids) for row in rows]
    return Found(records, notes=guess_notes(table, guessed), seen=[path for record in records for path in record.files])


def _record(row: dict[str, str], places: Mapping[str, Path], ids: Mapping[str, str]) -> Record:
    mask, instances = (places[row[name]] if row.get(name) else None for name in ("mask", "instances"))
    split, group, kind = (row.get(name) or "" for name in ("split", "group", "kind"))
    name = row.get("id") or str(Path(ids[row["image"]]).with_suffix(""))
    return Record(name, places[row["image"]], mask, instances, group, split, kind)


def sliced(records: Sequence[Record]) -> tuple[tuple[Record, ...], tuple[str, ...]]:
    """Records with every volume as its slices, and a finding for each volume that can't be opened."""
    found: list[Record] = []
    broken: list[str] = []
    for record in records:
        try:
            found += expand_slices(record)
        except InputError as error:
            broken.append(str(error))
    return tuple(found), tuple(broken)
