import logging
from types import SimpleNamespace

import pytest
import torch

from tests.small import SMALL, config
from unet_lightning.callback.progress import WINDOW, Progress
from unet_lightning.training.build import build


def feed(progress, losses):
    optimizer = SimpleNamespace(param_groups=[{"lr": 0.01}])
    trainer = SimpleNamespace(optimizers=[optimizer], global_step=7, accumulate_grad_batches=2)
    for loss in losses:
        progress.on_train_batch_end(trainer, None, {"loss": torch.tensor(loss)}, None, 0)


@pytest.mark.parametrize(("last", "warned"), [(0.9, False), (2.5, True)])
def test_a_loss_that_rises_is_said_once_with_the_override_to_try(caplog, last, warned):
    with caplog.at_level(logging.WARNING):
        feed(Progress(rise=2.0), [1.0] * WINDOW + [last] * 3 * WINDOW)
    assert len(caplog.records) == warned
    if warned:
        assert "optimizer.lr=0.001" in caplog.text


@pytest.mark.parametrize(("predicted", "warned"), [(0, True), (3, False)])
def test_background_only_is_said_at_the_end(caplog, predicted, warned):
    confusion = torch.tensor([[[90, 0], [10 - predicted, predicted]]])
    task = SimpleNamespace(confusions={"val": confusion})
    with caplog.at_level(logging.WARNING):
        Progress(rise=2.0).on_fit_end(None, task)
    assert ("background only; 10 %" in caplog.text) == warned
    if warned:
        assert "weight=balanced" in caplog.text


def test_a_real_run_with_a_learning_rate_of_zero_says_so(tmp_path, caplog):
    built = build(config(*SMALL, "trainer.max_epochs=1", "optimizer.lr=0"), tmp_path)
    torch.nn.init.constant_(built.task.network.head.bias, 0)
    built.task.network.head.bias.data[0] = 50
    with caplog.at_level(logging.WARNING):
        built.trainer.fit(built.task, built.data)
    assert "background only" in caplog.text


def test_the_loss_that_is_said_is_that_of_a_batch_whatever_is_accumulated(caplog):
    """Lightning gives it divided by the batches of a step, two here."""
    with caplog.at_level(logging.WARNING):
        feed(Progress(rise=2.0), [0.5] * WINDOW + [1.5] * 3 * WINDOW)
    assert "the loss rose from 1 to 2." in caplog.text
