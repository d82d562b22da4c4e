"""Named arrays on disk, one file for each key, memory-mapped when read."""

import os
import shutil
import tempfile
import time
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from unet_lightning.runtime.files import atomic

FORGOTTEN = 3600  # seconds after which an unfinished file has no writer any more
SUM = 4  # bytes at the end of a file: the CRC-32 of all before them
BLOCK = 2**20


class ArrayCache:
    """A cache folder. A file gets its name only when it is complete, so that processes may be killed while they write.

    Each is a standard .npy of one structured element, and behind it a checksum that is verified when the file is first
    looked at. Whatever can't be read is no entry.

    sound: keys of the files that were verified or written by this process or by the processes that read for it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.expanduser()
        self.unfinished = self.folder / "unfinished"
        self.sound: set[str] = set()
        for path in self.unfinished.glob("*"):  # of processes that were killed
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > FORGOTTEN:
                    path.unlink()

    def load(self, key: str) -> dict[str, NDArray[Any]] | None:
        """The arrays of a key, read-only; their pixels are read where they are looked at. None where there are none."""
        path = self._path(key)
        try:
            if key not in self.sound and not _is_sound(path):
                return None
            stored = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError):  # absent, or cut off when the machine stopped
            return None
        if stored.offset + stored.nbytes + SUM != path.stat().st_size:
            return None
        self.sound.add(key)
        return {name: np.asarray(stored[name])[0] for name in stored.dtype.names or ()}

    def save(self, key: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Write the arrays of a key; OSError where the disk is full or can't be written to."""
        path = self._path(key)
        self.unfinished.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(".npy", dir=self.unfinished)
        os.close(handle)
        with atomic(path, Path(part), flush=False) as file:  # what the disk loses with its power is read again
            summed = _Summed(file)
            _write(summed, arrays)
            file.write(summed.sum.to_bytes(SUM, "little"))
        self.sound.add(key)

    @property
    def room(self) -> int:
        """Free bytes of the disk."""
        existing = next(folder for folder in (self.folder, *self.folder.absolute().parents) if folder.exists())
        return shutil.disk_usage(existing).free

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.npy"


class _Summed:
    """A file that is written, with the CRC-32 of what went into it."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.sum = file, 0

    def write(self, data: bytes | memoryview) -> int:
        self.sum = zlib.crc32(data, self.sum)
        return self.file.write(data)


def _write(file: _Summed, arrays: Mapping[str, NDArray[Any]]) -> None:
    """What np.save writes for one structured element of the arrays, without a copy of them in memory."""
    kind = np.dtype([(name, array.dtype, array.shape) for name, array in arrays.items()], align=True)
    header = {"descr": np.lib.format.dtype_to_descr(kind), "fortran_order": False, "shape": (1,)}
    np.lib.format.write_array_header_1_0(file, header)
    place = 0
    for name, array in arrays.items():
        start = kind.fields[name][1] if kind.fields else 0
        file.write(bytes(start - place))
        file.write(np.ascontiguousarray(array).data)
        place = start + array.nbytes
    file.write(bytes(kind.itemsize - place))


def _is_sound(path: Path) -> bool:
    """Whether a file ends with the checksum of all before it; read block by block, not mapped."""
    found, block = 0, memoryview(bytearray(BLOCK))
    with path.open("rb", buffering=0) as file:
        left = os.fstat(file.fileno()).st_size - SUM
        while left > 0:
            number = file.readinto(block[: min(BLOCK, left)])
            if not number:
                return False
            found, left = zlib.crc32(block[:number], found), left - number
        return left == 0 and file.read(SUM) == found.to_bytes(SUM, "little")
