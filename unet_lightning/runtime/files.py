"""Files that are written completely or not at all."""

import csv
import json
import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from math import isnan
from pathlib import Path
from typing import IO, Any

log = logging.getLogger(__name__)
RESULTS = "results.json"
BEST = Path("checkpoints", "best.ckpt")  # of a run's folder, like those that follow
CONFIG = Path("config", "config.yaml")  # written when the run begins
PLAN, PLAN_PAGE = Path("plan.yaml"), Path("plan.md")
SHAPES: dict[str, Any] = {  # of what is read from it
    **dict.fromkeys(("status", "config_hash", "error"), str),
    **dict.fromkeys(("choices", "memory", "val", "test"), dict),
    **dict.fromkeys(("seconds", "parameters"), int | float),
    "overrides": list,
}
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes for the beginning of one
_reported: set[Path] = set()


@contextmanager
def atomic(path: Path, part: Path | None = None, flush: bool = True) -> Iterator[IO[bytes]]:
    """Write to a temporary file and rename it to `path` at the end: a crash leaves either the old or the new file.

    part: the temporary file, by default in the folder of `path`. flush: force the content and the new name to the
    disk (fsync). OSError where the disk is full or read-only; the old file is then unchanged.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = part or path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            yield file
            if flush:
                file.flush()
                os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    if flush:
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # the new name too
        finally:
            os.close(folder)


def write_atomic(path: Path, content: bytes | memoryview | str) -> None:
    """Replace a file; text is written as UTF-8."""
    with atomic(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


def write_json(path: Path, content: Any) -> None:
    """Replace a JSON file; nan becomes null."""
    write_atomic(path, json.dumps(_nulls(content), indent=1))


def write_table(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Replace a CSV file; its columns are the keys of the rows in order of appearance.

    A text that a spreadsheet would take for a formula gets an apostrophe before it, which `cell_text` takes away.
    """
    write_rows(path, list(dict.fromkeys(key for row in rows for key in row)), rows)


def write_rows(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """`write_table` of rows that needn't be in memory at once; a cell that a row lacks is empty."""
    with atomic(path) as file:
        text = TextIOWrapper(file, encoding="utf-8", newline="")
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: _cell(value) for key, value in row.items()} for row in rows)
        text.detach()


def cell_text(value: Any) -> Any:
    """A cell of a CSV file without the apostrophe that keeps a spreadsheet from taking it for a formula."""
    return value[1:] if isinstance(value, str) and value.startswith(tuple(f"'{sign}" for sign in FORMULA)) else value


def read_results(folder: Path) -> dict[str, Any]:
    """results.json of a run's folder; empty where there is none, or, with a warning, not what a run writes."""
    path = folder / RESULTS
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError):
        found = None
    if _are_results(found):
        return dict(found)
    if path not in _reported:
        _reported.add(path)
        log.warning(
            f"{path}: not what a run writes; it counts as absent: the run that wrote it, started again, replaces it"
        )
    return {}


def _are_results(found: Any) -> bool:
    """Whether everything that is read from results.json has its type, or is absent."""
    if not isinstance(found, dict):
        return False
    known = {key: found[key] for key in SHAPES if found.get(key) is not None}
    if not all(isinstance(value, SHAPES[key]) for key, value in known.items()):
        return False
    memory = [value for value in known.get("memory", {}).values() if value is not None]
    return all(isinstance(line, str) for line in known.get("overrides", ())) and all(isinstance(n, int) for n in memory)


def _cell(value: Any) -> Any:
    if not isinstance(value, str) or not value.startswith(FORMULA):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value


def _nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _nulls(child) for key, child in value.items()}
    if isinstance(value, list | tuple):
        return [_nulls(child) for child in value]
    return None if isinstance(value, float) and isnan(value) else value
