"""Stop at the first loss or gradient that is not finite, and save the batch to find the cause."""

from pathlib import Path
from typing import Any, NamedTuple

import lightning as L
import torch
from torch import Tensor

from unet_lightning.callback.cadence import reads_now
from unet_lightning.error import InputError


class Check(NamedTuple):
    """Whether a value of a step is finite, told by a tensor on the training's device, and the batch it came from."""

    finite: Tensor
    batch: dict[str, Any]
    step: int
    what: str
    loss: Tensor | None


class Finite(L.Callback):
    """Checks the loss and the gradient before every step. If one is nan or infinite, it computes the loss again in
    float32, saves the batch as `not_finite.pt` in the run's folder and stops with an InputError.

    A GPU isn't waited for at each step: a fused optimizer leaves out the step of a gradient that isn't finite and all
    that follow, until the checks are read.
    """

    def __init__(self) -> None:
        self.batch: dict[str, Any] = {}
        self.unread: list[Check] = []

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Keep the batch until its loss is known."""
        self.batch = batch

    def on_before_backward(self, trainer: L.Trainer, pl_module: L.LightningModule, loss: Tensor) -> None:
        """Check the loss."""
        self._look(trainer, pl_module, torch.isfinite(loss), "the loss is {}", loss)

    def on_before_optimizer_step(
        self, trainer: L.Trainer, pl_module: L.LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        """Check the gradient, which may overflow where the loss doesn't; with float16 the scaler skips such steps."""
        if trainer.precision == "16-mixed":
            return
        gradients = [parameter.grad for parameter in pl_module.parameters() if parameter.grad is not None]
        if not gradients:
            return
        finite = torch.isfinite(torch.stack(torch._foreach_norm(gradients))).all()
        self._look(trainer, pl_module, finite, "the gradient is not finite")
        if self.unread and all(group.get("fused") for group in optimizer.param_groups):
            broken: Any = ~torch.stack([check.finite for check in self.unread]).all()
            optimizer.found_inf = broken.float()  # type: ignore[attr-defined]
        elif self.unread:
            self._read(trainer, pl_module)

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Read the checks where the device may be waited for."""
        if reads_now(trainer, pl_module.device):
            self._read(trainer, pl_module)

    def on_save_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Read the checks before a checkpoint counts as good."""
        self._read(trainer, pl_module)

    def _look(
        self, trainer: L.Trainer, pl_module: L.LightningModule, finite: Tensor, what: str, loss: Tensor | None = None
    ) -> None:
        loss = None if loss is None else loss.detach()
        self.unread.append(Check(finite, self.batch, trainer.global_step, what, loss))
        if waits_for(finite):
            self._read(trainer, pl_module)

    def _read(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        unread, self.unread = self.unread, []
        if unread and not (finite := torch.stack([check.finite for check in unread])).all():
            self._stop(trainer, pl_module, unread[finite.tolist().index(False)])

    def _stop(self, trainer: L.Trainer, pl_module: L.LightningModule, check: Check) -> None:
        task: Any = pl_module
        batch = check.batch
        task.network.eval()  # so that this pass doesn't change the batch-norm statistics
        with torch.no_grad(), torch.autocast(pl_module.device.type, enabled=False):
            again = task.loss(task.network(batch["image"]), batch["mask"], batch["weight"])
        name = f"not_finite_{trainer.global_rank}.pt" if trainer.world_size > 1 else "not_finite.pt"
        path = Path(trainer.default_root_dir) / name
        torch.save(dict(batch), path)
        causes = ["a learning rate that is too high (optimizer.lr=… a tenth, trainer.gradient_clip_val=1)"]
        if torch.isfinite(again):
            causes.insert(0, "the range of half precision (trainer.precision=32-true)")
        if not torch.isfinite(batch["image"]).all():
            causes.insert(0, "an image that normalises to nan (normalize=image)")
        what = check.what.format("" if check.loss is None else check.loss.item())
        raise InputError(
            f"{what} at step {check.step}; in float32 the loss is {again.item():.4g}. Images: "
            f"{', '.join(batch['id'])}; the batch is in {path}. Likely, in this order: {'; '.join(causes)}"
        )


def waits_for(value: Tensor) -> bool:
    """Whether reading a value at once costs nothing: on a CPU it is there already."""
    return value.device.type == "cpu"
