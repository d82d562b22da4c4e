"""Warns when training fails to progress: a loss that rises, or a network that predicts background only."""

import logging
from collections import deque
from statistics import mean
from typing import Annotated, Any

import lightning as L
import torch
from annotated_types import Gt

log = logging.getLogger(__name__)
WINDOW = 20


class Progress(L.Callback):
    """Warns once when the mean loss of the last 20 steps exceeds `rise` times the lowest such mean so far, and after a
    training whose last validation predicts background only.
    """

    def __init__(self, rise: Annotated[float, Gt(1)]) -> None:
        self.rise = rise
        self.losses: deque[float] = deque(maxlen=WINDOW)
        self.lowest = float("inf")
        self.warned = False

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps of this callback."""
        return {"losses": list(self.losses), "lowest": self.lowest, "warned": self.warned}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore it from a checkpoint."""
        self.losses.extend(state_dict["losses"])
        self.lowest, self.warned = state_dict["lowest"], state_dict["warned"]

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Update the mean loss, and warn if it has risen."""
        self.losses.append(float(outputs["loss"]) * trainer.accumulate_grad_batches)  # Lightning divides it
        if len(self.losses) < WINDOW:
            return
        now = mean(self.losses)
        self.lowest = min(self.lowest, now)
        if now > self.rise * self.lowest and not self.warned:
            self.warned = True
            rate = trainer.optimizers[0].param_groups[0]["lr"]
            log.warning(
                f"the loss rose from {self.lowest:.3g} to {now:.3g} by step {trainer.global_step}. Likely, in this "
                f"order: the learning rate, {rate:.2g}, is too high (optimizer.lr={rate / 10:.1g}), now and then a "
                "step is too large (trainer.gradient_clip_val=1), batches are too small (data.batch_size=…)"
            )

    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Check the predictions of the last validation."""
        task: Any = pl_module
        if "val" not in task.confusions:
            return
        total = task.confusions["val"].sum(0)
        labelled, predicted = total.sum(1)[1:].sum(), total.sum(0)[1:].sum()
        if labelled > 0 and predicted == 0:
            share = float(labelled / torch.clamp(total.sum(), min=1))
            log.warning(
                f"the network predicts background only; {100 * share:.2g} % of the validation pixels are something "
                "else. Likely, in this order: too short a training (trainer.max_epochs=…), classes too rare for "
                "this loss (loss=ce_dice, or weight=balanced), crops without objects (data.foreground=1), a learning "
                "rate that is too high or too low (optimizer.lr=…)"
            )
