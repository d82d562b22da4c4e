"""Measures how long the network waits for data, says it at the end, and warns when it is too long."""

import logging
import time
from typing import Annotated, Any

import lightning as L
import torch
from annotated_types import Gt, Le

from unet_lightning.callback.cadence import reads_now

log = logging.getLogger(__name__)
REMEDY = (
    "Likely, in this order: too few loader processes (data.num_workers=…, one per core), images that don't fit into "
    "memory (data.cache_gb=…), costly augmentation (augment=flip, or on a GPU data.augment_on=device)"
)


class Waiting(L.Callback):
    """Logs `time/step`, the seconds of a training step, and `time/data_share`, the share of the time from the end of
    one step to the end of the next that was spent waiting for the batch; on a GPU means since the last point of the
    curves. Warns once when this share, over an epoch, exceeds `most`, and says that of the whole training at its end.
    """

    def __init__(self, most: Annotated[float, Gt(0), Le(1)]) -> None:
        self.most = most
        self.ended = self.started = 0.0
        self.unlogged: list[tuple[float, float]] = []  # seconds waited and worked of the steps since the last point
        self.epoch: list[tuple[float, float]] = []  # their sums since the epoch began
        self.epochs: list[tuple[float, float]] = []  # and of each epoch
        self.said = False

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start the clock."""
        self.ended = time.perf_counter()
        self.unlogged, self.epoch = [], []

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Note when the batch arrived."""
        self.started = time.perf_counter()

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Log both times; the first batch of an epoch, for which the workers start, isn't included in the share."""
        device = pl_module.device
        read = reads_now(trainer, device)
        if read and device.type == "cuda":
            torch.cuda.synchronize(device)  # what it was given since the last point is work, not waiting
        now = time.perf_counter()
        times = self.started - self.ended, now - self.started
        self.unlogged.append(times)
        self.epoch += [times] if batch_idx else []
        self.ended = now
        if read:
            waited, worked = sums(self.unlogged)
            pl_module.log_dict(
                {"time/step": worked / len(self.unlogged), "time/data_share": waited / (waited + worked)}
            )
            self.unlogged = []

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Warn if the network waited too long."""
        self.epochs.append(sums(self.epoch))
        share = share_waited(self.epochs[-1:])
        if share > self.most and not self.said:
            self.said = True
            log.warning(f"the network waited for data {100 * share:.0f} % of the time. {REMEDY}")

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Say the share of the whole training."""
        if any(worked for _, worked in self.epochs) and trainer.is_global_zero:
            log.info(f"loader    the network waited for data {100 * share_waited(self.epochs):.1f} % of the training")


def sums(times: list[tuple[float, float]]) -> tuple[float, float]:
    """Seconds waited and worked in all."""
    return sum(waited for waited, _ in times), sum(worked for _, worked in times)


def share_waited(times: list[tuple[float, float]]) -> float:
    """The share of the time that was spent waiting; 0 where there is none."""
    waited, worked = sums(times)
    return waited / max(waited + worked, 1e-9)
