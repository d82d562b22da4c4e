"""How Lightning writes checkpoint files."""

from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from unet_lightning.runtime.files import write_atomic
from unet_lightning.runtime.seal import seal


class AtomicCheckpointIO(TorchCheckpointIO):
    """Checkpoints that are there whole or not at all: written beside their place, flushed to the disk, then renamed.

    A checksum in each tells whether it still holds what was written.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """OSError of a full or read-only disk; what lay at `path` before is then still there."""
        content = BytesIO()
        torch.save(checkpoint, content)
        seal(content)
        with content.getbuffer() as archive:
            write_atomic(Path(path), archive)
