"""When training may wait for its device: a GPU works on while the next steps are prepared, unless a value is read."""

import lightning as L
import torch


def reads_now(trainer: L.Trainer, device: torch.device) -> bool:
    """Whether values of the step that ends may be read: on a CPU always, else with the curves."""
    if device.type == "cpu":
        return True
    every: int = trainer.log_every_n_steps or 50  # type: ignore[attr-defined]
    return trainer.global_step % every == 0
