"""Tables of run lengths, one row per object, as Kaggle writes them."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from unet_lightning.error import InputError, some
from unet_lightning.reading.found import Found
from unet_lightning.reading.image import as_channels, read_image
from unet_lightning.reading.names import with_slashes
from unet_lightning.reading.objects import Object, boxed, run_lengths, smallest_last, to_objects_sample
from unet_lightning.reading.text import Table, TextBlock, uneven_rows
from unet_lightning.record import Record
from unet_lightning.sample import Sample

COLUMNS = ("ImageId", "EncodedPixels")  # and ClassId where there are several classes


def find_images(table: Path, content: Table, images: Mapping[str, Path], classes: Sequence[str]) -> Found:
    """A record for each image of a table, findings for rows and images without the other, and texts for `read`.

    content: the table's columns and rows. ClassId is a name or a number from 1; an empty EncodedPixels says that the
    image has no objects.
    """
    columns, rows = content
    if not set(COLUMNS) <= set(columns):
        raise InputError(f"{table} has the columns {columns}; expected {' and '.join(COLUMNS)}; name them so")
    names = {str(key): k for k, name in enumerate(classes) for key in (name, k) if k}
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    if uneven := uneven_rows(table, columns, rows):
        return Found(findings=uneven)
    findings = []
    strange: dict[str, str] = {}
    for number, row in enumerate(rows, 2):
        name, kind = row["ImageId"] or "", row.get("ClassId") or "1"
        name = name if name in images else Path(with_slashes(name)).stem
        if name not in images:
            strange.setdefault(name, f"{row['ImageId']} (row {number})")
        elif kind not in names:
            findings.append(f"{table}, row {number}: ClassId {kind}; expected one of {', '.join(names)}; correct it")
        else:
            found[name] += [(names[kind], row["EncodedPixels"])] if row["EncodedPixels"] else []
    if strange:
        shown = some(list(strange.values()), "images")
        findings.append(f"{table} names {shown}, not in its folder; add the image, or take out its rows")
    lonely = [images[k] for k in sorted(images.keys() - found)]
    if lonely:
        verb = "has" if len(lonely) == 1 else "have"
        findings.append(f"{some(lonely)} {verb} no row in {table}; add one, empty if it has no objects")
    records = [Record(name, images[name], table) for name in sorted(found)]
    return Found(records, findings, texts={record.id: json.dumps(found[record.id]) for record in records})


def read(
    record: Record, texts: TextBlock, classes: int, channels: int | None = None, axes: str | None = None
) -> Sample:
    """The sample of an image and its rows; where objects overlap the smaller lies on top."""
    image = as_channels(read_image(record.image, axes=axes), channels)
    return to_objects_sample(image, smallest_last(_objects(record, texts, image.shape[:2])), classes)


def _objects(record: Record, texts: TextBlock, shape: tuple[int, ...]) -> Iterator[Object]:
    for kind, runs in json.loads(texts[record.id]):
        try:
            yield from boxed(kind, run_lengths(runs, (shape[0], shape[1])))
        except InputError as error:
            raise InputError(f"{record.mask}, image {record.image.name}: {error}") from None
