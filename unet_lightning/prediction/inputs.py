"""Files, folders and patterns as the inputs of prediction."""

import glob
import logging
import os
import re
import unicodedata
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from unet_lightning.error import InputError
from unet_lightning.prediction.zarr_source import is_zarr
from unet_lightning.reading.endings import IMAGES, ends_in

log = logging.getLogger(__name__)
INPUTS = (*IMAGES, ".mat")


def find_inputs(inputs: Sequence[str], output: Path, broken: dict[Path, str]) -> dict[Path, Path]:
    """Every input file, and its name relative to what was typed; InputError where a name leads to nothing.

    What can't be an input by its name, and folders that can't be listed, go into `broken` with the reason.
    """
    found: dict[Path, Path] = {}
    for text in inputs:
        before = len(broken)
        if reason := _no_name(text):
            broken[Path(text)] = f"{text!r}: {reason}; correct the name"
            continue
        files = _found(text, output, broken)
        if not files and len(broken) == before:
            raise InputError(f"{text}: no picture there; expected {' '.join(INPUTS)} or .zarr")
        found |= files
    for path in [path for path in found if any(unicodedata.category(letter) == "Cc" for letter in str(path))]:
        del found[path]
        broken[path] = f"{str(path)!r}: a control character in its name; rename it"
    return found


def _no_name(text: str) -> str:
    """Why the file system refuses a name: too long, a null character, no permission; empty where it doesn't."""
    try:
        os.stat(text)
    except FileNotFoundError:
        return ""  # it may be a pattern
    except (OSError, ValueError) as error:
        return str(getattr(error, "strerror", None) or error)
    return ""


def _found(text: str, output: Path, broken: dict[Path, str]) -> dict[Path, Path]:
    """Files and Zarr arrays of a name or a pattern, with their relative names."""
    path = Path(text)
    if path.is_dir() and not is_zarr(path):
        return {file: file.relative_to(path) for file in _walk(path, output, broken)}
    if path.exists():
        return {path: Path(path.name)}
    root = Path(os.path.dirname(re.split(r"[*?\[]", text)[0]))
    pattern = Path(text).relative_to(root).parts
    if "**" in pattern:
        matches = [file for file in _walk(root, output, broken, ("",)) if _fits(file.relative_to(root).parts, pattern)]
    else:
        matches = [Path(name) for name in sorted(glob.glob(text))]
        own = output.resolve() if root.resolve() in output.resolve().parents else None  # what was written there
        matches = [file for file in matches if own is None or own not in file.resolve().parents]
    return {file: file.relative_to(root) for file in matches if file.is_file() or is_zarr(file)}


def _fits(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether the parts of a path are those of a pattern, in which ** stands for any number of folders."""
    if not pattern or not parts:
        return not parts and set(pattern) <= {"**"}
    if pattern[0] == "**":
        return _fits(parts[1:], pattern) or _fits(parts, pattern[1:])
    return fnmatchcase(parts[0], pattern[0]) and _fits(parts[1:], pattern[1:])


def _walk(folder: Path, output: Path, broken: dict[Path, str], endings: tuple[str, ...] = INPUTS) -> Iterator[Path]:
    """Files of some endings and Zarr arrays below a folder, in linked folders too, each folder once.

    What lies in the output folder is no input. Links come after the folders themselves, which keep their names.
    """
    seen, waiting, followed = {output.resolve()}, [folder], 0
    links: list[Path] = []
    while waiting or links:
        here = waiting.pop() if waiting else links.pop(0)
        if here != folder and here.resolve() in seen:
            continue
        seen.add(here.resolve())
        followed += here.is_symlink() and here != folder
        try:
            inner = sorted(here.iterdir())
        except OSError as error:
            broken[here] = f"{here}: {error.strerror}; make the folder readable"
            continue
        folders: list[Path] = []
        for path in inner:
            if path.name.startswith("."):
                continue
            if is_zarr(path) or (path.is_file() and ends_in(path, endings)):
                yield path
            elif path.is_dir():
                (links if path.is_symlink() else folders).append(path)
        waiting += reversed(folders)
    if followed:
        log.info(f"{folder}: {followed} linked folder{'s' if followed > 1 else ''} followed")
