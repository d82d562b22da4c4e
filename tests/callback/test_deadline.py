"""A run that must end in time, on a clock that a test sets: it advances with each step and each validation image."""

import json
import logging

import pytest
import torch

from tests.small import CELLS, QUIET, TINY_NETWORK, config
from unet_lightning.callback import deadline
from unet_lightning.error import Interrupted
from unet_lightning.training.run import train
from unet_lightning.training.task import SegmentationTask

EPOCHS, STEPS = 20, 3  # planned; 3 steps an epoch
SMALL = [
    *CELLS,
    *("data.number=10", "data.batch_size=4", "data.steps=3", "tile=32", f"trainer.max_epochs={EPOCHS}"),
    *("~trainer.callbacks.panels", "~trainer.callbacks.curves", "~trainer.callbacks.samples"),
    *("trainer.callbacks.resume.minutes=60", "data.ridge=0", *TINY_NETWORK, *QUIET),
]
RESERVE = 5.0  # as in conf/
SECONDS = 10.0  # of a step; a validation or test image takes one


class Machine:
    """Seconds since it was switched on. slow: from which step on a step takes three times as long. dies: after which
    step the run is interrupted."""

    def __init__(self, monkeypatch, slow=None, pace=1.0, dies=None):
        self.seconds, self.slow, self.pace, self.dies, self.rates = 0.0, slow, pace, dies, []
        monkeypatch.setattr(deadline, "monotonic", lambda: self.seconds)
        step = lambda task, optimizer: self.step(task, optimizer)  # noqa: E731
        monkeypatch.setattr(SegmentationTask, "on_before_zero_grad", step, raising=False)
        predict = SegmentationTask.predict
        monkeypatch.setattr(SegmentationTask, "predict", lambda task, image: self.advance(0.1) or predict(task, image))

    def advance(self, steps):
        self.seconds += SECONDS * steps * self.pace

    def step(self, task, optimizer):
        self.advance(3 if self.slow is not None and task.global_step > self.slow else 1)
        self.optimizer = optimizer
        self.rates.append(self.rate)
        if task.global_step == self.dies:
            raise Interrupted(15)

    @property
    def rate(self):
        return self.optimizer.param_groups[0]["lr"]


def go(folder, minutes, *overrides):
    return train(config(*SMALL, f"trainer.callbacks.deadline.minutes={minutes}", *overrides), folder)


def weights(folder):
    return torch.load(folder / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"]


@pytest.mark.parametrize(("minutes", "slow", "pace"), [(5, None, 1), (6, 18, 1), (3, 9, 1), (480, 18, 90)])
def test_a_run_ends_in_time_also_when_the_machine_slows_down(tmp_path, monkeypatch, caplog, minutes, slow, pace):
    with monkeypatch.context() as patch, caplog.at_level(logging.INFO):
        machine = Machine(patch, slow, pace)
        results = go(tmp_path, minutes)
    assert 0.9 < (machine.seconds + RESERVE) / (60 * minutes) <= 1.1
    assert results["epochs"] < EPOCHS
    steps = len(machine.rates)
    assert (results["epochs"] - 1) * STEPS < steps <= results["epochs"] * STEPS
    assert f"{steps} steps instead of" in caplog.text
    after, total = json.loads((tmp_path / deadline.STORED).read_text())["cuts"][-1]
    assert total == steps
    ended = 0.5 * max(machine.rates) if after == steps else 1e-9  # of the schedule, unless the run was ended at once
    assert machine.rate < ended


def test_a_run_that_has_time_is_not_shortened(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        Machine(patch)
        assert go(tmp_path, 60, "trainer.max_epochs=2")["epochs"] == 2
    assert not (tmp_path / deadline.STORED).exists()


def test_an_interrupted_run_repeats_what_was_decided_bit_for_bit(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        Machine(patch)
        whole = go(tmp_path / "whole", 3.3)
    decided = json.loads((tmp_path / "whole" / deadline.STORED).read_text())
    after, steps = decided["cuts"][-1]
    assert after + 1 < steps
    assert steps % STEPS  # the last epoch is a short one
    with monkeypatch.context() as patch:
        Machine(patch, dies=after + 1)
        with pytest.raises(SystemExit):
            go(tmp_path / "again", 3.3)
    assert json.loads((tmp_path / "again" / deadline.STORED).read_text()) == decided
    with monkeypatch.context() as patch:  # on a machine ten times as fast
        Machine(patch, pace=0.1)
        again = go(tmp_path / "again", 3.3)
    assert again["epochs"] == whole["epochs"] == -(-steps // STEPS)
    assert again["val"] == whole["val"]
    one, other = weights(tmp_path / "whole"), weights(tmp_path / "again")
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_what_another_length_decided_is_not_repeated(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        Machine(patch)
        short = go(tmp_path, 2, "trainer.max_epochs=6")
    with monkeypatch.context() as patch:
        Machine(patch)
        assert short["epochs"] < go(tmp_path, 60, "trainer.max_epochs=6")["epochs"] == 6


def test_a_run_that_gains_nothing_passes_through_its_schedule_in_as_many_epochs_as_it_waited(tmp_path, monkeypatch):
    scores = iter([0.1, 0.2, 0.3, 0.2, 0.3, *[0.1] * EPOCHS])  # the third is the best; 3 more are waited for
    monkeypatch.setattr(
        deadline.Deadline, "_score", lambda callback, trainer: callback.scores.append(next(scores)), raising=True
    )
    with monkeypatch.context() as patch:
        machine = Machine(patch)
        results = go(tmp_path, "null", "trainer.callbacks.deadline.patience=3")
        assert results["epochs"] == 6 + 3
        assert machine.rate == pytest.approx(0, abs=1e-9)
        assert go(tmp_path, "null")["epochs"] == EPOCHS  # without the limit it goes on
