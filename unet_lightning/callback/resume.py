"""Writes checkpoints from which an interrupted run continues exactly as if it hadn't been interrupted."""

import time
import zlib
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import lightning as L
from annotated_types import Ge
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.trainer.states import TrainerFn

from unet_lightning.error import Interrupted
from unet_lightning.logger.base import recorders
from unet_lightning.logger.csv import FILE
from unet_lightning.runtime.distributed import max_over_processes
from unet_lightning.runtime.signals import SignalGuard

EVENTS = "events.out.tfevents.*"
GROWING = (EVENTS, FILE)  # files of loggers in a run's folder, to which lines are only added
POINTS = "checkpoints/step-*.ckpt"
KEPT = 2
BLOCK = 2**20


class Resume(Checkpoint):
    """Writes checkpoints/step-N.ckpt between two batches when `minutes` have passed since the last one, before every
    validation, and when a signal asks the run to stop, which then ends with Interrupted. The newest two are kept.
    """

    def __init__(self, minutes: Annotated[float, Ge(0)]) -> None:
        self.minutes = minutes
        self.signals = SignalGuard()
        self.step = 0  # of the last point
        self.written = self.started = time.monotonic()
        self.events: dict[str, list[int]] = {}  # of each file in GROWING at the last point: its bytes, and their CRC-32

    @property
    def seconds(self) -> float:
        """The time this run has taken, interrupted ones included."""
        return time.monotonic() - self.started

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """From here on a signal stops the run only at the end of a batch."""
        self.step, self.written, self.signals.deferred = trainer.global_step, time.monotonic(), True
        loader: Any = trainer.train_dataloader
        loader.between_batches = partial(self._between, trainer, loader)

    def _between(self, trainer: L.Trainer, loader: Any) -> None:
        """Between two batches: write a checkpoint if a signal came or `minutes` have passed."""
        if loader.batches_done % trainer.accumulate_grad_batches:
            return
        late = trainer.is_global_zero and time.monotonic() - self.written >= 60 * self.minutes
        signum, due = max_over_processes([self.signals.signum, late], trainer.strategy.root_device)
        if signum or due:
            self._write(trainer)
        if signum:
            raise Interrupted(signum)

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Write a checkpoint, so that a signal can stop a long validation at once."""
        if trainer.state.fn is not TrainerFn.FITTING or trainer.sanity_checking:
            return
        self.signals.deferred = False
        if trainer.global_step > self.step:
            self._write(trainer)
        signum = max_over_processes([self.signals.signum], trainer.strategy.root_device)[0]
        if signum:
            raise Interrupted(signum)

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """From here on a signal waits for the end of a batch again."""
        self.signals.deferred = trainer.state.fn is TrainerFn.FITTING

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """From here on a signal stops the run at once; nothing is left to save."""
        self.signals.deferred = False
        if self.signals.signum:
            raise Interrupted(self.signals.signum)

    def state_dict(self) -> dict[str, Any]:
        """The sizes of the loggers' files at this point, and the time the run has taken."""
        return {"events": self.events, "seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Add the time taken before the interruption."""
        self.started -= state_dict["seconds"]

    def on_load_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        """The run's folder may have been moved since: correct the paths of the best checkpoint."""
        now = str(Path(trainer.default_root_dir, "checkpoints"))
        for name, state in checkpoint["callbacks"].items():
            if "dirpath" in state:
                checkpoint["callbacks"][name] = _moved(state, state["dirpath"], now)

    def on_save_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        """In a checkpoint before a validation, mark the validation as begun, so that a resumed run starts it anew."""
        if trainer.validating:
            loops = checkpoint["loops"]["fit_loop"]
            loops["epoch_loop.val_loop.batch_progress"]["total"] |= {"ready": 1, "started": 1}

    def _grown(self, path: Path) -> list[int]:
        """The bytes of a logger's file and their sum; what was summed before isn't read again."""
        before, found = self.events.get(path.name, [0, 0])
        size = path.stat().st_size
        return [size, sum_of(path, before, size, found)]

    def _write(self, trainer: L.Trainer) -> None:
        if trainer.fast_dev_run:  # type: ignore[attr-defined]
            return
        folder = Path(trainer.default_root_dir)
        if trainer.is_global_zero:
            for recorder in recorders(trainer):
                recorder.flush()
            self.events = {path.name: self._grown(path) for files in GROWING for path in folder.glob(files)}
        trainer.save_checkpoint(folder / "checkpoints" / f"step-{trainer.global_step:08d}.ckpt")
        self.step, self.written = trainer.global_step, time.monotonic()
        if trainer.is_global_zero:
            for old in sorted(folder.glob(POINTS))[:-KEPT]:
                old.unlink()


def sum_of(path: Path, start: int, end: int, found: int = 0) -> int:
    """The CRC-32 of some bytes of a file, going on from that of what lies before them."""
    with path.open("rb") as file:
        file.seek(start)
        while start < end and (block := file.read(min(BLOCK, end - start))):
            found, start = zlib.crc32(block, found), start + len(block)
    return found


def _moved(value: Any, before: str, now: str) -> Any:
    """A callback's state in which paths below folder `before` are paths below folder `now`."""
    if isinstance(value, dict):
        return {_moved(key, before, now): _moved(child, before, now) for key, child in value.items()}
    return now + value[len(before) :] if isinstance(value, str) and value.startswith(before) else value
