"""What a folder or a description file holds, before it is a data set."""

from dataclasses import dataclass, field
from pathlib import Path

from unet_lightning.record import Record


@dataclass(frozen=True)
class Found:
    """Records, findings and notes of a data set.

    texts: by the ids of records what a description file says of each, for the `read` of its format. seen: the files,
    and the folders as a whole, that were looked at.
    """

    records: list[Record] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    seen: list[Path] = field(default_factory=list)

    def extend(self, other: "Found") -> None:
        """Add what another part of the set holds."""
        self.records.extend(other.records)
        self.findings.extend(other.findings)
        self.notes.extend(other.notes)
        self.texts.update(other.texts)
        self.seen.extend(other.seen)
