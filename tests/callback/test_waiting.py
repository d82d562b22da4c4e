import time
from types import SimpleNamespace

import pytest

from unet_lightning.callback.waiting import Waiting


def test_the_share_of_waiting_is_measured(monkeypatch):
    times = iter([10.0, 13.0, 14.0, 14.5, 16.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(times))
    logged = []
    module = SimpleNamespace(log_dict=logged.append)
    waiting = Waiting(most=0.5)
    waiting.on_train_epoch_start(None, module)
    for _ in range(2):
        waiting.on_train_batch_start(None, module, None, 0)
        waiting.on_train_batch_end(None, module, None, None, 0)
    assert logged == [
        {"time/step": pytest.approx(1.0), "time/data_share": pytest.approx(0.75)},
        {"time/step": pytest.approx(1.5), "time/data_share": pytest.approx(0.25)},
    ]


@pytest.mark.parametrize(("wait", "warned"), [(9.0, True), (0.1, False)])
def test_data_that_starve_the_network_are_said_once(monkeypatch, caplog, wait, warned):
    clock = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    module = SimpleNamespace(log_dict=lambda _: None)
    waiting = Waiting(most=0.3)
    for _ in range(2):
        waiting.on_train_epoch_start(None, module)
        for index in range(4):
            clock[0] += wait
            waiting.on_train_batch_start(None, module, None, index)
            clock[0] += 1.0
            waiting.on_train_batch_end(None, module, None, None, index)
        waiting.on_train_epoch_end(None, module)
    assert len(caplog.records) == warned
    if warned:
        assert "waited for data 90 % of the time" in caplog.text
        assert "data.num_workers" in caplog.text
