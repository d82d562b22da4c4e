"""Measures how long the network waits for data, and warns when it is too long."""

import logging
import time
from typing import Annotated, Any

import lightning as L
from annotated_types import Gt, Le

log = logging.getLogger(__name__)


class Waiting(L.Callback):
    """Logs `time/step`, the seconds of a training step, and `time/data_share`, the share of the time from the end of
    one step to the end of the next that was spent waiting for the batch. Warns once when this share, over an epoch,
    exceeds `most`.
    """

    def __init__(self, most: Annotated[float, Gt(0), Le(1)]) -> None:
        self.most = most
        self.ended = self.started = 0.0
        self.waited = self.worked = 0.0
        self.said = False

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start the clock."""
        self.ended = time.perf_counter()
        self.waited = self.worked = 0.0

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Note when the batch arrived."""
        self.started = time.perf_counter()

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Log both times; the first batch of an epoch, for which the workers start, isn't included in the share."""
        now = time.perf_counter()
        step, wait = now - self.started, self.started - self.ended
        self.ended = now
        pl_module.log_dict({"time/step": step, "time/data_share": wait / (step + wait)})
        if batch_idx:
            self.waited, self.worked = self.waited + wait, self.worked + step

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Warn if the network waited too long."""
        share = self.waited / max(self.waited + self.worked, 1e-9)
        if share > self.most and not self.said:
            self.said = True
            log.warning(
                f"the network waited for data {100 * share:.0f} % of the time. Likely, in this order: too few loader "
                "processes (data.num_workers=…, one per core), images that don't fit into memory (data.cache_gb=…), "
                "costly augmentation (augment=flip)"
            )
