"""The key of a record in the cache: a hash of its files, of the reading function, and of code and library versions."""

import hashlib
import inspect
import os
import pickle
import time
from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass, replace
from functools import cache, partial
from io import BytesIO
from pathlib import Path
from typing import Any

from unet_lightning import __version__
from unet_lightning.record import DataSet, Record
from unet_lightning.runtime.machine import installed

PACKAGE = Path(__file__).parents[2]
CODE = (
    "data/*.py",
    "reading/*.py",
    "pipeline/cache/entry.py",
    "pipeline/near_copies.py",
    "pipeline/common_size.py",
    "pipeline/resize.py",
    "tiling/resample.py",
    "label.py",
    "record.py",
    "sample.py",
)
LIBRARIES = (
    "numpy",
    "opencv-python-headless",
    "pillow",
    "tifffile",
    "imagecodecs",
    "scipy",
    "nibabel",
    "pycocotools",
)
SETTLED = 2.0  # seconds: the coarsest resolution of time stamps on file systems


def reader_identity(dataset: DataSet) -> str | None:
    """A hash of the function that reads the records and its arguments; None if it can't be pickled or has no source."""
    function: Any = dataset.read
    while isinstance(function, partial):
        function = function.func
    try:
        described = _pickled(dataset.read)
        source = inspect.getsource(inspect.getmodule(function) or function)
    except (pickle.PicklingError, AttributeError, TypeError, RecursionError, OSError):
        return None
    files = [signature(path) for path in sorted(set(paths(dataset.read))) if not path.is_dir()]
    return _digest(described, source.encode(), _package().encode(), repr((len(dataset.classes), files)).encode())


def record_identity(reader: str, record: Record) -> str | None:
    """A hash that changes with any of the record's files.

    A file is identified by path, inode, size, mtime and ctime; no program can set the ctime back. None if a file was
    changed so recently that a further change might not change its time stamps.
    """
    files = [signature(path) for path in paths(record)]
    newest = max((time_ns for file in files for time_ns in file[4:]), default=0)
    if abs(time.time_ns() - newest) < SETTLED * 1e9:  # a clock that was put back doesn't make it young for long
        return None
    return _digest(reader.encode(), _pickled(replace(record, split="")), repr(files).encode())


def signature(path: Path) -> tuple[Any, ...]:
    """Path, device, inode, size and times of a file, or of a folder and everything below it; Nones if it is absent."""
    try:
        found = os.stat(path)
        below = tuple(signature(child) for child in sorted(path.iterdir())) if path.is_dir() else ()
    except OSError:
        return (str(path), None, None, None)
    times = [found.st_mtime_ns, found.st_ctime_ns, *(time_ns for child in below for time_ns in child[4:])]
    return (str(path), (found.st_dev, found.st_ino), found.st_size, below, *times)


def paths(value: Any) -> Iterator[Path]:
    """Every path inside a value, at any depth of data classes, partial functions, lists and tuples."""
    inner: Sequence[Any] = ()
    if isinstance(value, Path):
        yield value
    elif is_dataclass(value) and not isinstance(value, type):
        inner = [getattr(value, field.name) for field in fields(value)]
    elif isinstance(value, partial):
        inner = [*value.args, *value.keywords.values()]
    elif isinstance(value, list | tuple):
        inner = value
    for part in inner:
        yield from paths(part)


def _pickled(value: Any) -> bytes:
    """Bytes that are the same for equal values, whether or not parts of them are the same object."""
    buffer = BytesIO()
    pickler = pickle.Pickler(buffer)
    pickler.fast = True
    pickler.dump(value)
    return buffer.getvalue()


@cache
def _package() -> str:
    """A hash of the code that reads, and of the versions of the libraries it uses."""
    sources = [path.read_bytes() for pattern in CODE for path in sorted(PACKAGE.glob(pattern))]
    return _digest(*sources, repr([__version__, *map(installed, LIBRARIES)]).encode())


def _digest(*parts: bytes) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()
