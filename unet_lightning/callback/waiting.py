"""How long the network waits for data."""

import time
from typing import Any

import lightning as L


class Waiting(L.Callback):
    """Logs `time/step`, seconds a training step takes, and `time/data_share`, the share of the time between the
    end of one step and the end of the next that passed before the batch was there.
    """

    def __init__(self) -> None:
        self.ended = self.started = 0.0

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start the clock."""
        self.ended = time.perf_counter()

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """The batch has come."""
        self.started = time.perf_counter()

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Log both times."""
        now = time.perf_counter()
        step, wait = now - self.started, self.started - self.ended
        self.ended = now
        pl_module.log_dict({"time/step": step, "time/data_share": wait / (step + wait)})
