"""Named arrays on disk, one file for each key, memory-mapped when read."""

import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_lightning.runtime.files import atomic

FORGOTTEN = 3600  # seconds after which an unfinished file is considered abandoned


class ArrayCache:
    """A cache folder. A file gets its name only when it is complete, so that processes may be killed while they write.

    Each file is a standard .npy with one structured element. A file that can't be read counts as absent.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.expanduser()
        self.unfinished = self.folder / "unfinished"
        for path in self.unfinished.glob("*"):  # of processes that were killed
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > FORGOTTEN:
                    path.unlink()

    def load(self, key: str) -> dict[str, NDArray[Any]] | None:
        """The arrays of a key, read-only and memory-mapped; None where the key is absent."""
        try:
            stored = np.load(self._path(key), mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError):  # absent, or cut off when the machine stopped
            return None
        return {name: np.asarray(stored[name])[0] for name in stored.dtype.names or ()}

    def save(self, key: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Write the arrays of a key; OSError where the disk is full or can't be written to."""
        path = self._path(key)
        layout = [(name, array.dtype, array.shape) for name, array in arrays.items()]
        element = np.zeros(1, np.dtype(layout, align=True))
        for name, array in arrays.items():
            element[name][0] = array
        self.unfinished.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(".npy", dir=self.unfinished)
        os.close(handle)
        with atomic(path, Path(part), flush=False) as file:  # what a power failure loses is computed again
            np.save(file, element)

    @property
    def room(self) -> int:
        """Free bytes of the disk."""
        existing = next(folder for folder in (self.folder, *self.folder.absolute().parents) if folder.exists())
        return shutil.disk_usage(existing).free

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.npy"
