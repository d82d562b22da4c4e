"""What Lightning lets us exchange to be exact and safe: evaluation under DDP, checkpoint files, batch norm."""

import os
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO
from lightning.pytorch.plugins.layer_sync import TorchSyncBatchNorm
from lightning.pytorch.strategies import DDPStrategy
from torch import distributed as dist
from torch import nn

from unet_lightning.model.synchronised import synchronise


class Together(DDPStrategy):
    """DDP whose evaluation steps call the bare module: DDP's own forward talks to the other processes, and these may
    have no image left.
    """

    def validation_step(self, *args: Any, **kwargs: Any) -> Any:
        """One whole image, or None."""
        assert self.lightning_module is not None
        with self.precision_plugin.val_step_context():
            return self.lightning_module.validation_step(*args, **kwargs)

    def test_step(self, *args: Any, **kwargs: Any) -> Any:
        """One whole image, or None."""
        assert self.lightning_module is not None
        with self.precision_plugin.test_step_context():
            return self.lightning_module.test_step(*args, **kwargs)


class WholeFiles(TorchCheckpointIO):
    """Checkpoints that are there whole or not at all: written beside their place, flushed to the disk, then renamed."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """OSError of a full or read-only disk; what lay at `path` before is then still there."""
        content = BytesIO()
        torch.save(checkpoint, content)
        write_whole(Path(path), content.getvalue())


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file so that a crash at any moment leaves the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the new name too
    finally:
        os.close(folder)


class Synchronise(TorchSyncBatchNorm):
    """`trainer.sync_batchnorm=true`: PyTorch's on GPUs, ours on processors, which PyTorch's refuses."""

    def apply(self, model: nn.Module) -> nn.Module:
        """Before DDP wraps the module."""
        return super().apply(model) if "nccl" in dist.get_backend() else synchronise(model)
