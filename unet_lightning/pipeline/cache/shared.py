"""What the trials of a sweep share in one process: what the last one found in its records, while their files stay as
they are.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from unet_lightning.pipeline.cache.entry import Entry, Summary
from unet_lightning.pipeline.cache.identity import reader_identity, record_identity
from unet_lightning.record import DataSet, Record


@dataclass(frozen=True)
class Inspection:
    """The result for one record: its summary, or `finding`, what is wrong with it; and what the store can keep.

    entry: the decoded record, for memory. key: its name in the cache on disk. complaint: why the disk can't be written.
    """

    summary: Summary | None
    finding: str = ""
    entry: Entry | None = None
    key: str | None = None
    sound: bool = False
    complaint: str = ""


class Shared:
    """Inspections of one data set, read and kept in one way, by the identities of its records; none until it begins."""

    def __init__(self) -> None:
        self.active = False
        self.way: Hashable = None
        self.found: dict[str, Inspection] = {}

    def begin(self) -> None:
        """From now on, what is inspected in this process is kept for the next data module."""
        self.active = True

    def end(self) -> None:
        """Forget all, until it begins again."""
        self.active, self.way, self.found = False, None, {}

    def identities(self, dataset: DataSet, *kept: Hashable) -> dict[Record, str]:
        """The identity of each record whose inspection may be shared; what another set left is forgotten at once.

        kept: whatever decides where records are kept. A file that is changed has another identity.
        """
        reader = reader_identity(dataset) if self.active else None
        if self.way != (reader, *kept):
            self.way, self.found = (reader, *kept), {}
        found = {record: record_identity(reader, record) for record in dataset.records} if reader else {}
        return {record: identity for record, identity in found.items() if identity}

    def recall(self, identities: Mapping[Record, str]) -> dict[Record, Inspection]:
        """The inspections that are known."""
        return {record: self.found[identity] for record, identity in identities.items() if identity in self.found}

    def keep(self, inspections: Mapping[str, Inspection]) -> None:
        """Keep these, by identity, and no other."""
        self.found = dict(inspections)


shared = Shared()
