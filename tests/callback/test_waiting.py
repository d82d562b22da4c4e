import logging
import time
from types import SimpleNamespace

import pytest
import torch

from unet_lightning.callback.waiting import Waiting

CPU = torch.device("cpu")


def test_the_share_of_waiting_is_measured(monkeypatch):
    times = iter([10.0, 13.0, 14.0, 14.5, 16.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(times))
    logged = []
    module = SimpleNamespace(log_dict=logged.append, device=CPU)
    waiting = Waiting(most=0.5)
    waiting.on_train_epoch_start(None, module)
    for _ in range(2):
        waiting.on_train_batch_start(None, module, None, 0)
        waiting.on_train_batch_end(None, module, None, None, 0)
    assert logged == [
        {"time/step": pytest.approx(1.0), "time/data_share": pytest.approx(0.75)},
        {"time/step": pytest.approx(1.5), "time/data_share": pytest.approx(0.25)},
    ]


def test_where_steps_are_not_waited_for_their_mean_is_logged_with_the_curves(monkeypatch):
    clock, logged = [0.0], []
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    module = SimpleNamespace(log_dict=logged.append, device=torch.device("meta"))
    waiting = Waiting(most=0.3)
    waiting.on_train_epoch_start(None, module)
    for index, (wait, step) in enumerate([(1.0, 2.0), (3.0, 2.0), (2.0, 5.0)]):
        trainer = SimpleNamespace(global_step=index + 1, log_every_n_steps=3)
        clock[0] += wait
        waiting.on_train_batch_start(trainer, module, None, index)
        clock[0] += step
        waiting.on_train_batch_end(trainer, module, None, None, index)
    assert logged == [{"time/step": pytest.approx(3.0), "time/data_share": pytest.approx(6 / 15)}]


@pytest.mark.parametrize(("wait", "warned"), [(9.0, True), (0.1, False)])
def test_data_that_starve_the_network_are_said_once(monkeypatch, caplog, wait, warned):
    clock = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    module = SimpleNamespace(log_dict=lambda _: None, device=CPU)
    waiting = Waiting(most=0.3)
    caplog.set_level(logging.INFO)
    for _ in range(2):
        waiting.on_train_epoch_start(None, module)
        for index in range(4):
            clock[0] += wait
            waiting.on_train_batch_start(None, module, None, index)
            clock[0] += 1.0
            waiting.on_train_batch_end(None, module, None, None, index)
        waiting.on_train_epoch_end(None, module)
    waiting.on_train_end(SimpleNamespace(is_global_zero=True), module)
    *warnings, told = caplog.records
    assert len(warnings) == warned
    assert f"waited for data {100 * wait / (wait + 1):.1f} % of the training" in told.message
    if warned:
        assert "waited for data 90 % of the time" in caplog.text
        assert "data.num_workers" in caplog.text
