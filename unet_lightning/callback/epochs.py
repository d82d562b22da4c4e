"""One line per epoch where there is no progress bar: in a log file or the output of a job queue."""

import logging
import sys
import time
from datetime import timedelta
from typing import Any

import lightning as L

from unet_lightning.metric.names import SCORE_NAMES
from unet_lightning.page.number import format_number

log = logging.getLogger(__name__)
SHOWN = {
    "train/loss": "training loss",
    "val/loss": "validation loss",
    "val/pooled/dice/foreground": f"foreground {SCORE_NAMES['dice']}",
}


class Epochs(L.Callback):
    """Logs the losses, the score and the time left after each epoch, unless the output is a terminal."""

    def __init__(self) -> None:
        self.started, self.first = 0.0, 0  # when, and after which step, this process began

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start the clock."""
        self.started, self.first = time.perf_counter(), trainer.global_step

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Log losses, score and remaining time; the validation of this epoch is over."""
        if sys.stdout.isatty() or not trainer.is_global_zero:
            return
        values: dict[str, Any] = trainer.callback_metrics
        parts = [f"{name} {format_number(float(values[key]))}" for key, name in SHOWN.items() if key in values]
        done, steps = trainer.global_step, trainer.estimated_stepping_batches
        if done > self.first and steps != float("inf"):
            left = (time.perf_counter() - self.started) / (done - self.first) * max(0, steps - done)
            parts.append(f"{timedelta(seconds=round(left))} left")
        planned = f"/{trainer.max_epochs}" if (trainer.max_epochs or 0) > 0 else ""
        log.info(f"epoch {trainer.current_epoch + 1}{planned}: {', '.join(parts)}")
