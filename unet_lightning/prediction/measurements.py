"""objects.csv and summary.csv of an output folder: a row for every object and one for every picture."""

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from unet_lightning.error import InputError
from unet_lightning.metric.measure import in_units, measure, summarise, summary_in_units
from unet_lightning.prediction.collector import Collector, PageObjects
from unet_lightning.runtime.files import cell_text, write_rows

OBJECTS, SUMMARY = "objects.csv", "summary.csv"
Row = dict[str, Any]


class Measurements(Collector):
    """Rows of an earlier call stay, unless their picture is done again; `overwrite`: as all of this call are.

    Rows of complete pictures lie in a part beside objects.csv until `close`, so that memory is that of one picture's.
    """

    measures = True

    def __init__(self, folder: Path, overwrite: bool) -> None:
        self.objects, self.summary, self.part = folder / OBJECTS, folder / SUMMARY, folder / f".{OBJECTS}.rows.part"
        for path in (self.objects, self.summary, self.part):
            if path.is_symlink():
                raise InputError(f"{path} leads elsewhere; take the link away, or give another --output")
        self.overwrite = overwrite
        self.old = list(_rows(self.summary)) if self.objects.is_file() and self.summary.is_file() else []
        self.written = {row["picture"] for row in self.old}
        self.taken: dict[Path, tuple[list[Row], list[Row]]] = {}
        self.new: list[Row] = []
        self.part.unlink(missing_ok=True)

    def has(self, name: Path) -> bool:
        """Whether the tables hold the picture, and are to keep its rows."""
        return name.as_posix() in self.written and not self.overwrite

    def take(self, page: PageObjects) -> None:
        """Measure the objects of a page."""
        number, shape, size = len(page.kinds), page.objects.shape, page.source.pixel_size
        columns = measure(page.objects, number, page.image, page.foreground, size.sides if size else (1.0, 1.0))
        summary = summarise(columns, shape)
        if size:
            columns |= in_units(columns, size.sides, size.unit)
            summary |= summary_in_units(summary, shape, size.sides, size.unit)
            summary |= {f"pixel_height_{size.unit}": size.height, f"pixel_width_{size.unit}": size.width}
        place = {"picture": page.name.as_posix(), "page": page.page, **page.source.place(page.page)}
        objects, summaries = self.taken.setdefault(page.name, ([], []))
        for k, kind in enumerate(page.kinds):
            values = {name: column[k] for name, column in columns.items()}
            objects.append({**place, "object": page.first + k, "class": page.names[kind], **numbers_of(values)})
        of_class = np.bincount(page.kinds, minlength=len(page.names))[1:].tolist()
        counts = (
            {f"count_{name}": n for name, n in zip(page.names[1:], of_class, strict=True)} if len(of_class) > 1 else {}
        )
        summaries.append({**place, "height": shape[0], "width": shape[1], **numbers_of(summary), **counts})

    def keep(self, name: Path) -> None:
        """Append the rows of a complete picture."""
        objects, summaries = self.taken.pop(name, ([], []))
        self.part.parent.mkdir(parents=True, exist_ok=True)
        with self.part.open("a", encoding="utf-8") as file:
            file.writelines(f"{json.dumps(row)}\n" for row in objects)
        self.new += summaries

    def drop(self, name: Path) -> None:
        """Forget the rows of a picture."""
        self.taken.pop(name, None)

    def close(self) -> None:
        """Write both tables anew, summary.csv last: what it names is complete."""
        if not self.new:
            return
        again = {row["picture"] for row in self.new}
        columns = dict.fromkeys(key for row in self._measured(again) for key in row)
        write_rows(self.objects, list(columns), self._measured(again))
        rows = [*(row for row in self.old if row["picture"] not in again), *self.new]
        write_rows(self.summary, list(dict.fromkeys(key for row in rows for key in row)), rows)
        self.part.unlink(missing_ok=True)

    def _measured(self, again: set[str]) -> Iterator[Row]:
        """Rows of earlier calls, but for pictures that were done again, and those of this one."""
        kept = self.written - again
        yield from (row for row in (_rows(self.objects) if kept else ()) if row["picture"] in kept)
        with self.part.open(encoding="utf-8") as file:
            yield from map(json.loads, file)


def numbers_of(values: Mapping[str, float]) -> Row:
    """Whole numbers as such, others with ten digits; what is nan is left out."""
    return {
        name: int(value) if float(value).is_integer() else float(f"{value:.10g}")
        for name, value in values.items()
        if not np.isnan(value)
    }


def _rows(path: Path) -> Iterator[Row]:
    """The rows of a table that an earlier call wrote; none where there is no table."""
    if not path.is_file():
        return
    with path.open(newline="", encoding="utf-8") as file:
        found = csv.DictReader(file)
        if "picture" not in (found.fieldnames or ()):
            raise InputError(f"{path} isn't a table of `predict --table`; move it, or give another --output")
        yield from ({key: cell_text(value) for key, value in row.items()} for row in found)
