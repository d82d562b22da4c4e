"""How checkpoint files are written, and the one that a run goes on from is read: once."""

from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from unet_lightning.runtime.files import write_atomic
from unet_lightning.runtime.seal import seal


@dataclass
class Point:
    """A checkpoint to go on from, loaded to the CPU; its content is held until it is taken."""

    path: Path
    content: dict[str, Any] = field(repr=False)

    def take(self) -> dict[str, Any]:
        """The content, which is then no longer held here."""
        found, self.content = self.content, {}
        return found


class AtomicCheckpointIO(TorchCheckpointIO):
    """Checkpoints that are there whole or not at all: written beside their place, flushed to the disk, then renamed.

    A checksum in each tells whether it still holds what was written. `point` is what was loaded before a run goes on,
    and isn't loaded again.
    """

    point: Point | None = None

    def load_checkpoint(self, path: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """What a file holds."""
        point, self.point = self.point, None
        if point and point.path == Path(path):
            return point.take()
        return super().load_checkpoint(path, *args, **kwargs)

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """OSError of a full or read-only disk; what lay at `path` before is then still there."""
        content = BytesIO()
        torch.save(checkpoint, content)
        seal(content)
        with content.getbuffer() as archive:
            write_atomic(Path(path), archive)
