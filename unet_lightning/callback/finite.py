"""Stop at the first loss or gradient that is not finite, and save the batch to find the cause."""

from pathlib import Path
from typing import Any

import lightning as L
import torch
from torch import Tensor

from unet_lightning.error import InputError


class Finite(L.Callback):
    """Checks the loss and the gradient before every step. If one is nan or infinite, it computes the loss again in
    float32, saves the batch as `not_finite.pt` in the run's folder and stops with an InputError.
    """

    def __init__(self) -> None:
        self.batch: dict[str, Any] = {}

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Keep the batch until its loss is known."""
        self.batch = batch

    def on_before_backward(self, trainer: L.Trainer, pl_module: L.LightningModule, loss: Tensor) -> None:
        """Check the loss."""
        if not torch.isfinite(loss):
            self._stop(trainer, pl_module, f"the loss is {loss.item()}")

    def on_before_optimizer_step(
        self, trainer: L.Trainer, pl_module: L.LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        """Check the gradient, which may overflow where the loss doesn't; with float16 the scaler skips such steps."""
        if trainer.precision == "16-mixed":
            return
        gradients = [parameter.grad for parameter in pl_module.parameters() if parameter.grad is not None]
        if gradients and not torch.isfinite(torch.stack(torch._foreach_norm(gradients))).all():
            self._stop(trainer, pl_module, "the gradient is not finite")

    def _stop(self, trainer: L.Trainer, pl_module: L.LightningModule, what: str) -> None:
        task: Any = pl_module
        task.network.eval()  # so that this pass doesn't change the batch-norm statistics
        with torch.no_grad(), torch.autocast(pl_module.device.type, enabled=False):
            again = task.loss(task.network(self.batch["image"]), self.batch["mask"], self.batch["weight"])
        name = f"not_finite_{trainer.global_rank}.pt" if trainer.world_size > 1 else "not_finite.pt"
        path = Path(trainer.default_root_dir) / name
        torch.save(dict(self.batch), path)
        causes = ["a learning rate that is too high (optimizer.lr=… a tenth, trainer.gradient_clip_val=1)"]
        if torch.isfinite(again):
            causes.insert(0, "the range of half precision (trainer.precision=32-true)")
        if not torch.isfinite(self.batch["image"]).all():
            causes.insert(0, "an image that normalises to nan (normalize=image)")
        raise InputError(
            f"{what} at step {trainer.global_step}; in float32 the loss is {again.item():.4g}. Images: "
            f"{', '.join(self.batch['id'])}; the batch is in {path}. Likely, in this order: {'; '.join(causes)}"
        )
