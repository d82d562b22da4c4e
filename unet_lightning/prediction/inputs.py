"""Files, folders and patterns as the inputs of prediction."""

import glob
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from unet_lightning.error import InputError
from unet_lightning.prediction.source import is_zarr
from unet_lightning.reading.endings import PICTURES, ends_in


def find_inputs(inputs: Sequence[str], output: Path) -> dict[Path, Path]:
    """Every input file with its path relative to the typed folder or pattern; InputError where nothing is found."""
    found: dict[Path, Path] = {}
    for text in inputs:
        path = Path(text)
        if path.is_dir() and not is_zarr(path):
            files = {file: file.relative_to(path) for file in _walk(path, output)}
        elif path.exists():
            files = {path: Path(path.name)}
        else:
            root = os.path.dirname(re.split(r"[*?\[]", text)[0])
            matches = [Path(name) for name in sorted(glob.glob(text, recursive=True))]
            own = (
                output.resolve() if Path(root).resolve() in output.resolve().parents else None
            )  # what was written there
            matches = [file for file in matches if own is None or own not in file.resolve().parents]
            files = {file: file.relative_to(root) for file in matches if file.is_file() or is_zarr(file)}
        if not files:
            raise InputError(f"{text}: no picture there; expected {' '.join(PICTURES)} or .zarr")
        found |= files
    return found


def _walk(folder: Path, output: Path) -> Iterator[Path]:
    """Pictures and Zarr arrays below a folder; what lies in the output folder is no input."""
    for path in sorted(folder.iterdir()):
        if path.resolve() == output.resolve() or path.name.startswith("."):
            continue
        if is_zarr(path) or (path.is_file() and ends_in(path, PICTURES)):
            yield path
        elif path.is_dir() and not path.is_symlink():
            yield from _walk(path, output)
