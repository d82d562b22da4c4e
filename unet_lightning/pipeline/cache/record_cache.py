"""A cache on disk of arrays computed from a data set's records."""

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from unet_lightning.pipeline.cache.array_cache import ArrayCache
from unet_lightning.pipeline.cache.identity import reader_identity, record_identity
from unet_lightning.record import DataSet, Record


class RecordCache:
    """Arrays of the records of one data set. A record's key is computed once and kept for the whole run.

    complaint: why a file couldn't be written; after that nothing more is written.
    """

    def __init__(self, dataset: DataSet, folder: Path) -> None:
        self.cache, self.reader = ArrayCache(folder), reader_identity(dataset)
        self.keys: dict[Record, str] = {}
        self.complaint = ""

    def is_sound(self, record: Record, what: str) -> bool:
        """Whether what is kept of a record was verified or written in this run."""
        return f"{self.keys.get(record)}-{what}" in self.cache.sound

    def know_sound(self, record: Record, what: str) -> None:
        """Take over from another process of this run that it is so."""
        self.cache.sound.add(f"{self.keys[record]}-{what}")

    def load(self, record: Record, what: str) -> dict[str, NDArray[Any]] | None:
        """The arrays of a record that are stored under the name `what`, memory-mapped; None where there are none."""
        if record not in self.keys:
            found = self._identity(record)
            if found is None:
                return None
            self.keys[record] = found
        return self.cache.load(f"{self.keys[record]}-{what}")

    def save(self, record: Record, what: str, arrays: dict[str, NDArray[Any]]) -> None:
        """Store arrays of a record under the name `what`, unless its files have changed since `load`."""
        if not self.complaint and record in self.keys and self._identity(record) == self.keys[record]:
            try:
                self.cache.save(f"{self.keys[record]}-{what}", arrays)
            except OSError as error:
                self.complaint = str(error)

    def _identity(self, record: Record) -> str | None:
        return record_identity(self.reader, record) if self.reader else None
