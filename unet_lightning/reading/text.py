"""Lists, tables and JSON: text files that say which image has which label."""

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from unet_lightning.error import InputError
from unet_lightning.reading.failure import missing


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


def read_table(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    """The columns and rows of a CSV file (UTF-8, comma)."""
    try:
        reader = csv.DictReader(_text(path, "CSV UTF-8").splitlines(keepends=True))
        return list(reader.fieldnames or ()), list(reader)
    except csv.Error as error:
        raise InputError(f"{path} can't be read ({error}); save it as CSV UTF-8") from None


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object."""
    try:
        found = json.loads(_text(path, "JSON in UTF-8"))
    except ValueError as error:
        raise InputError(f"{path} is no JSON ({error}); copy the file again from its source") from None
    if not isinstance(found, dict):
        raise InputError(f"{path} holds {type(found).__name__}; expected a JSON object {{…}}; correct the file")
    return found


def _text(path: Path, kind: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise missing(path) from None
    except (UnicodeDecodeError, OSError) as error:
        raise InputError(f"{path} can't be read ({error}); save it as {kind}") from None
