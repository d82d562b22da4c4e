import time
from types import SimpleNamespace

import pytest

from unet_lightning.callback.waiting import Waiting


def test_the_share_of_waiting_is_measured(monkeypatch):
    times = iter([10.0, 13.0, 14.0, 14.5, 16.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(times))
    logged = []
    module = SimpleNamespace(log_dict=logged.append)
    waiting = Waiting()
    waiting.on_train_epoch_start(None, module)
    for _ in range(2):
        waiting.on_train_batch_start(None, module, None, 0)
        waiting.on_train_batch_end(None, module, None, None, 0)
    assert logged == [
        {"time/step": pytest.approx(1.0), "time/data_share": pytest.approx(0.75)},
        {"time/step": pytest.approx(1.5), "time/data_share": pytest.approx(0.25)},
    ]
