"""Checkpoints of random weights, which is all that an export looks at."""

import torch

from tests.conftest import randomise
from tests.small import TRIAL, config
from unet_lightning.prediction.checkpoint import CHECKPOINT_KEY
from unet_lightning.training.build import build


def untrained(folder, *overrides, base=TRIAL):
    """The path of a checkpoint in a run's folder."""
    task = build(config(*base, "trainer.precision=32-true", *overrides)).task
    randomise(task.network)
    path = folder / "checkpoints" / "best.ckpt"
    path.parent.mkdir(parents=True)
    torch.save({"state_dict": dict(task.state_dict()), CHECKPOINT_KEY: task.identity}, path)
    return path
