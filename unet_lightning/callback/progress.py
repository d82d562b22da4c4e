"""Warns when training fails to progress: a loss that rises, or a network that predicts background only."""

import logging
from collections import deque
from statistics import mean
from typing import Annotated, Any

import lightning as L
import torch
from annotated_types import Gt
from torch import Tensor

from unet_lightning.callback.cadence import reads_now

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
        self.unread: list[tuple[Tensor, int, int, float]] = []  # loss, batches it was divided by, step, learning rate

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps of this callback."""
        self._read()
        return {"losses": list(self.losses), "lowest": self.lowest, "warned": self.warned}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore it from a checkpoint."""
        self.losses.extend(state_dict["losses"])
        self.lowest, self.warned = state_dict["lowest"], state_dict["warned"]

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Update the mean loss, and warn if it has risen."""
        loss, rate = outputs["loss"].detach(), trainer.optimizers[0].param_groups[0]["lr"]
        self.unread.append((loss, trainer.accumulate_grad_batches, trainer.global_step, rate))
        if reads_now(trainer, loss.device):
            self._read()

    def _read(self) -> None:
        """What was left on the device since the last time."""
        unread, self.unread = self.unread, []
        losses = torch.stack([loss for loss, *_ in unread]).tolist() if unread else []
        for loss, (_, batches, step, rate) in zip(losses, unread, strict=True):
            self._add(loss * batches, step, rate)  # Lightning divides it

    def _add(self, loss: float, step: int, rate: float) -> None:
        self.losses.append(loss)
        if len(self.losses) < WINDOW:
            return
        now = mean(self.losses)
        self.lowest = min(self.lowest, now)
        if now > self.rise * self.lowest and not self.warned:
            self.warned = True
            log.warning(
                f"the loss rose from {self.lowest:.3g} to {now:.3g} by step {step}. Likely, in this "
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
