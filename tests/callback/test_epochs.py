import logging
from types import SimpleNamespace

import pytest

from unet_lightning.callback.epochs import Epochs


@pytest.mark.parametrize(
    ("max_epochs", "steps", "line"),
    [
        (30, 60, "epoch 2/30: training loss 0.5000, foreground Dice 0.2500, 0:00:50 left"),
        (-1, 20, "epoch 2: training loss 0.5000, foreground Dice 0.2500, 0:00:10 left"),
        (-1, float("inf"), "epoch 2: training loss 0.5000, foreground Dice 0.2500"),
    ],
)
def test_a_line_for_each_epoch(monkeypatch, caplog, max_epochs, steps, line):
    clock = [5.0]
    monkeypatch.setattr("time.perf_counter", lambda: clock[0])
    trainer = SimpleNamespace(
        is_global_zero=True,
        callback_metrics={"train/loss": 0.5, "val/pooled/dice/foreground": 0.25},
        global_step=0,
        estimated_stepping_batches=steps,
        current_epoch=1,
        max_epochs=max_epochs,
    )
    epochs = Epochs()
    epochs.on_train_start(trainer, None)
    clock[0], trainer.global_step = 15.0, 10
    with caplog.at_level(logging.INFO):
        epochs.on_train_epoch_end(trainer, None)
    assert caplog.messages == [line]
