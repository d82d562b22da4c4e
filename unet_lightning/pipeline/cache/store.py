"""Decoded samples: in memory where the whole set fits, else in a cache on disk; workers share both."""

import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from unet_lightning.error import InputError
from unet_lightning.normalize.base import Affine, Normalize
from unet_lightning.pipeline.cache.entry import Entry, measure
from unet_lightning.pipeline.cache.record_cache import RecordCache
from unet_lightning.record import DataSet, Record
from unet_lightning.sample import Sample

log = logging.getLogger(__name__)
PROBES = 8


class Store:
    """Reads a data set's records and keeps what was read and measured in memory, up to `cache_gb` GiB.

    After `settle`, a data set whose total size is larger is kept on disk in `cache_dir` instead. A record that fits
    neither in memory nor on disk is read again each time.
    """

    def __init__(self, dataset: DataSet, normalize: Normalize, cache_gb: float, cache_dir: str | None = None) -> None:
        self.dataset, self.normalize = dataset, normalize
        self.free = int(cache_gb * 2**30)
        self.folder = Path(cache_dir) if cache_dir else None
        self.disk: RecordCache | None = None
        self.kept: dict[Record, Entry] = {}
        self.contents: dict[str, tuple[str, str]] = {}  # of each id that was inspected: hashes of image and label
        self.pieces: dict[Record, NDArray[np.int32]] = {}
        self.rows: dict[Record, int] = {}
        self.affines = torch.zeros(0)
        self.warned = False

    def __getitem__(self, record: Record) -> Sample:
        """The sample of a record as read from its files."""
        return self.entry(record).sample

    def entry(self, record: Record) -> Entry:
        """The sample of a record and its measurements."""
        return self.kept[record] if record in self.kept else self.keep(record, self.fetch(record))

    def fetch(self, record: Record) -> Entry:
        """The entry of a record: memory-mapped from the cache on disk, or decoded from its files."""
        stored = self.disk.load(record, "entry") if self.disk else None
        if stored is not None:
            return Entry(**stored)
        entry = self._decode(record)
        if self.disk:
            self.disk.save(record, "entry", entry.arrays)
        return entry

    def keep(self, record: Record, entry: Entry) -> Entry:
        """Keep an entry in memory if there is room, or it takes none, and no cache on disk is used."""
        taken = 0 if self.dataset.in_memory else entry.nbytes
        if self.disk is None and record not in self.kept and taken <= self.free:
            self.free -= taken
            self.kept[record] = entry
        return entry

    def adopt(self, record: Record, entry: Entry | None, key: str | None, sound: bool, complaint: str) -> None:
        """Take over what another process found: an entry for memory, or its name on disk, and that it is sound."""
        if entry is not None:
            self.keep(record, entry)
        if self.disk and key:
            self.disk.keys[record] = key
            if sound:
                self.disk.know_sound(record, "entry")
        if self.disk and complaint and not self.warned:
            self.warned, self.disk.complaint = True, complaint
            log.warning(
                f"cache     {complaint}: what isn't on disk is read again each time; make room there, or set "
                "data.cache_dir to another folder"
            )

    def settle(self, known: Mapping[Record, Entry] = MappingProxyType({})) -> None:
        """Choose memory or disk by the total size, estimated from a few records spread over the data set.

        known: records that needn't be decoded for it.
        """
        records = self.dataset.records
        if self.folder is None or not records or self.dataset.in_memory:
            return
        disk, sizes = RecordCache(self.dataset, self.folder), []
        decoded: dict[Record, Entry] = {}
        for record in records[:: -(-len(records) // PROBES)]:
            stored = disk.load(record, "entry")
            with suppress(InputError):  # reported when all records are inspected
                entry = Entry(**stored) if stored else known.get(record) or self._decode(record)
                sizes.append(entry.nbytes)
                if stored is None:
                    decoded[record] = entry
        if not sizes:
            return
        needed = sum(sizes) / len(sizes) * len(records)
        self.disk = None if needed <= self.free else self._suited(disk, needed, needed * len(decoded) / len(sizes))
        for record, entry in decoded.items():
            self.disk.save(record, "entry", entry.arrays) if self.disk else self.keep(record, entry)

    def _suited(self, disk: RecordCache, needed: float, missing: float) -> RecordCache | None:
        """The cache on disk if it has room for the `missing` bytes of the `needed` ones; else None, after a warning."""
        size = f"cache     about {needed / 2**30:.1f} GiB decoded, more than data.cache_gb"
        again = "what doesn't fit in memory is read again each time"
        room = disk.cache.room
        if disk.reader is None:
            log.warning(f"{size}; this data set's reading function can't be pickled, so there is no cache key: {again}")
        elif missing > room:
            remedy = "set data.cache_dir to a folder with room"
            log.warning(f"{size}; {self.folder} has only {room / 2**30:.1f} GiB free: {again}; {remedy}")
        else:
            log.info(f"{size}: kept in {self.folder}; may be deleted at any time (make clean-cache)")
            return disk
        return None

    def share(self, channels: int) -> None:
        """Make a table of each image's shift and scale in shared memory; the first worker that needs them fills it."""
        self.rows = {record: row for row, record in enumerate(self.dataset.records)}
        self.affines = torch.full((len(self.rows), 2, channels), torch.nan)
        self.affines.share_memory_()  # type: ignore[no-untyped-call]

    def affine(self, record: Record) -> Affine:
        """Shift and scale that normalise a record's image."""
        if not self.rows:
            return self.normalize(self[record].data)
        shared = self.affines[self.rows[record]].numpy()
        if np.isnan(shared).any():
            shared[:] = self.normalize(self[record].data)
        return shared[0], shared[1]

    def objects(self, record: Record) -> NDArray[np.int32]:
        """(H, W) instances of a record, or without any the connected components of its foreground."""
        entry = self.entry(record)
        if entry.instances is not None:
            return entry.instances
        if record in self.pieces:
            return self.pieces[record]
        stored = self.disk.load(record, "objects") if self.disk else None
        if stored is not None:
            return stored["objects"]
        found = cv2.connectedComponents((entry.mask > 0).astype(np.uint8))[1].astype(np.int32)
        if self.disk:
            self.disk.save(record, "objects", {"objects": found})
        else:
            self.pieces[record] = found
        return found

    def _decode(self, record: Record) -> Entry:
        sample = self.dataset.read(replace(record, split=""))  # so that the split can't change what is read
        return measure(sample, len(self.dataset.classes))
