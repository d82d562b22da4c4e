"""A training step reads nothing from its device, so that a GPU works on while the next step is prepared."""

import lightning as L
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from tests import bench_gpu
from tests.small import SMALL, TINY_NETWORK, config
from unet_lightning.training.build import build

READS = {"_local_scalar_dense", "nonzero", "is_nonzero", "equal", "masked_select", "unique2", "bincount"}


class Watch(TorchDispatchMode):
    """Notes the operations that wait for a GPU, while `on`."""

    def __init__(self):
        super().__init__()
        self.on, self.seen = False, []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if self.on and function.overloadpacket.__name__ in READS:
            self.seen.append(str(function))
        return function(*args, **(kwargs or {}))


class Between(L.Callback):
    """Calls `begin` before a step's other callbacks and `end` after them; the steps that are logged are left out."""

    def __init__(self, begin, end):
        self.begin, self.end = begin, end

    def on_train_batch_start(self, trainer, *_):
        if (trainer.global_step + 1) % trainer.log_every_n_steps:
            self.begin()

    def on_train_batch_end(self, *_):
        self.end()


ON_DEVICE = ["data.augment_on=device", "augment=nnunet"]
OPTIONS = [
    *([], ["optimizer=sgd", "loss=nnunet"], ["upsample=unpool", "loss=ce_dice", "trainer.gradient_clip_val=1"]),
    ON_DEVICE,
]


@pytest.mark.parametrize("options", OPTIONS)
def test_no_step_but_those_that_are_logged_reads_a_value(tmp_path, monkeypatch, options):
    for module in ("finite", "progress", "waiting"):
        later = f"unet_lightning.callback.{module}.reads_now"
        monkeypatch.setattr(later, lambda trainer, _: trainer.global_step % trainer.log_every_n_steps == 0)
    monkeypatch.setattr("unet_lightning.callback.finite.waits_for", lambda value: False)
    built = build(config(*SMALL, *options, "trainer.max_steps=4"), tmp_path)
    watch = Watch()
    begin, end = (lambda: setattr(watch, "on", True)), (lambda: setattr(watch, "on", False))
    built.trainer.callbacks.insert(0, Between(begin, lambda: None))
    built.trainer.callbacks.append(Between(lambda: None, end))
    with watch:
        built.trainer.fit(built.task, built.data)
        assert built.trainer.global_step == 4
        assert not watch.seen
        begin()
        assert torch.ones(1).item() == 1
    assert len(watch.seen) == 1  # it would have been noticed


def test_images_are_read_on_the_device_without_a_value_that_is_waited_for():
    data = build(config(*SMALL, *ON_DEVICE)).data
    unread = next(iter(data.train_dataloader()))
    assert sum(map(len, unread["image"].changes)) > 3
    watch = Watch()
    watch.on = True
    with watch:
        batch = data.on_after_batch_transfer(unread, 0)
    assert batch["image"].shape == (4, 1, 32, 32)
    assert not watch.seen


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
@pytest.mark.parametrize("options", [*OPTIONS, ["trainer.precision=bf16-mixed"]])
def test_cuda_itself_finds_no_step_that_waits(tmp_path, options):
    built = build(config(*SMALL, *options, "trainer.accelerator=gpu", "trainer.max_steps=4"), tmp_path)
    begin, end = (lambda: torch.cuda.set_sync_debug_mode("error")), (lambda: torch.cuda.set_sync_debug_mode("default"))
    built.trainer.callbacks.insert(0, Between(begin, lambda: None))
    built.trainer.callbacks.append(Between(lambda: None, end))
    try:
        built.trainer.fit(built.task, built.data)
    finally:
        end()
    assert built.trainer.global_step == 4


def test_what_measures_a_gpu_measures(monkeypatch):
    """On the processor, a tiny network of two channels."""
    monkeypatch.setattr(bench_gpu, "STEPS", 1)
    monkeypatch.setattr(bench_gpu, "WARM", 1)
    times = iter([10.0, 10.5, 20.0, 20.1])
    monkeypatch.setattr(bench_gpu, "now", lambda _: next(times))
    run = bench_gpu.networks(*TINY_NETWORK, "trainer.accelerator=cpu", channels=2)
    assert bench_gpu.speeds(run, (3, 2, 8, 8), torch.device("cpu")) == pytest.approx((6, 30))
