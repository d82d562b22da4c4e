"""What is typed after a verb: files, flags for files, and overrides."""

import glob
import os
import re
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Iterator, Sequence
from pathlib import Path

from unet_lightning.error import InputError
from unet_lightning.pipeline.source import PICTURES, is_zarr


def parser(verb: str, description: str) -> ArgumentParser:
    """A parser for a verb's files and flags; `description` is shown by --help as it stands."""
    return ArgumentParser(
        f"unet-lightning {verb}", description=description, formatter_class=RawDescriptionHelpFormatter
    )


def parse(rules: ArgumentParser, arguments: Sequence[str]) -> tuple[Namespace, list[str]]:
    """Files and flags as `rules` read them, and the overrides among them, in their order."""
    overrides = [argument for argument in arguments if is_override(argument)]
    return rules.parse_intermixed_args([a for a in arguments if not is_override(a)]), overrides


def is_override(argument: str) -> bool:
    """`key=value`, `+key=value`, `~key`; a path may hold an equals sign as well, as the folders of sweeps do."""
    if argument.startswith("~"):
        return "/" not in argument
    key, equals, _ = argument.partition("=")
    return bool(equals) and not key.startswith("-") and "/" not in key and not Path(argument).exists()


def find_inputs(inputs: Sequence[str], output: Path) -> dict[Path, Path]:
    """Every input file, and its name relative to what was typed; InputError where a name leads to nothing."""
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
        if is_zarr(path) or (path.is_file() and path.suffix.lower() in PICTURES):
            yield path
        elif path.is_dir() and not path.is_symlink():
            yield from _walk(path, output)
