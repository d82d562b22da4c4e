"""Lists, tables and JSON: text files that say which image has which label."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from unet_lightning.error import InputError, counted
from unet_lightning.reading.failure import missing
from unet_lightning.reading.guard import check_file
from unet_lightning.runtime.files import cell_text

Table = tuple[list[str], list[dict[str, str]]]  # columns, and rows by column
DELIMITERS = ",;\t"  # where they are equally many the first


class TextBlock:
    """Many texts in one block of memory, which forked workers share; they would copy millions of small objects."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        encoded = [text.encode() for text in texts.values()]
        self.ends = np.cumsum([0, *map(len, encoded)])
        self.block = np.frombuffer(b"".join(encoded), np.uint8)
        self.rows = {name: k for k, name in enumerate(texts)}

    def __getitem__(self, name: str) -> str:
        row = self.rows[name]
        return self.block[self.ends[row] : self.ends[row + 1]].tobytes().decode()


def read_list(path: Path) -> list[str]:
    """The lines of a list, stripped, without empty ones; Windows line ends and a byte order mark are accepted."""
    return [line.strip() for line in _text(path, "text in UTF-8").splitlines() if line.strip()]


def read_table(path: Path) -> Table:
    """The columns and rows of a CSV file (UTF-8), parted by whichever of comma, semicolon and tab its head has most."""
    lines = _text(path, "CSV UTF-8").splitlines(keepends=True)
    delimiter = max(DELIMITERS, key=lines[0].count) if lines else ","
    try:
        reader = csv.DictReader(lines, delimiter=delimiter)
        columns = list(reader.fieldnames or ())
        rows = [{key: cell_text(value) for key, value in row.items()} for row in reader]
    except csv.Error as error:
        raise InputError(f"{path} can't be read ({error}); save it as CSV UTF-8") from None
    return columns, rows


def uneven_rows(table: Path, columns: Sequence[str], rows: Sequence[Mapping[Any, Any]]) -> list[str]:
    """A finding for each row of a table with more or fewer values than columns: the last of a file that is cut off."""
    found = []
    for number, row in enumerate(rows, 2):
        missing = list(row.values()).count(None)
        if missing or None in row:
            came = f"more than {len(columns)} values" if None in row else counted(len(columns) - missing, "value")
            found.append(
                f"{table}, row {number}: {came}; expected {len(columns)} as in the first row; "
                "correct the row, or copy the file again from its source"
            )
    return found


def parse_json(path: Path) -> Any:
    """Whatever a JSON file holds."""
    try:
        return json.loads(_text(path, "JSON in UTF-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is no JSON ({error}); copy the file again from its source") from None


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object."""
    found = parse_json(path)
    if not isinstance(found, dict):
        raise InputError(f"{path} holds {type(found).__name__}; expected a JSON object {{…}}; correct the file")
    return found


def _text(path: Path, kind: str) -> str:
    check_file(path)
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise missing(path) from None
    except (UnicodeDecodeError, OSError) as error:
        raise InputError(f"{path} can't be read ({error}); save it as {kind}") from None
