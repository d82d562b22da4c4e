"""When `compile=auto` compiles."""

import pytest
import torch

from tests.small import TRIAL, config
from unet_lightning.training import compiled
from unet_lightning.training.build import build

WORK = 3 * 2 * 16 * 16 * 4  # three images, two crops each of 16x16, and four channels: all in an epoch


@pytest.mark.parametrize(
    ("options", "work"),
    [
        ([], WORK),
        (["trainer.max_epochs=7"], 7 * WORK),
        (["trainer.max_epochs=7", "data.batch_size=2", "trainer.max_steps=2"], 2 * 2 * 16 * 16 * 4),
        (["data.batch_size=2", "data.steps=5"], 5 * 2 * 16 * 16 * 4),
    ],
)
def test_the_work_of_a_training_worked_by_hand(options, work):
    whole = config(*TRIAL, *options)
    built = build(whole)
    assert compiled.features(whole, built.task.network, built.data) == work


@pytest.mark.parametrize(
    ("pays", "can", "said"), [(WORK, True, "yes"), (WORK + 1, True, "no: 6.1e+03"), (WORK, False, "no: no C++")]
)
def test_only_what_pays_and_can_be_compiled_is(monkeypatch, caplog, pays, can, said):
    caplog.set_level("INFO")
    monkeypatch.setattr(compiled, "PAYS", pays)
    monkeypatch.setattr(compiled, "can_compile", lambda: can)
    monkeypatch.setattr(torch, "compile", lambda forward, options: ("compiled", forward))
    task = build(config(*TRIAL, "compile=auto")).task
    eager = task.network.logits_by_level
    assert task.training_forward == (("compiled", eager) if said == "yes" else eager)
    assert f"compile   {said}" in caplog.text


def test_without_a_compiler_nothing_can_be_compiled(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert not compiled.can_compile()
