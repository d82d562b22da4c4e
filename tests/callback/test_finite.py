import lightning as L
import pytest
import torch

from tests.small import SMALL, config
from unet_lightning.error import InputError
from unet_lightning.training.build import build


class Overflow(torch.nn.Module):
    """A loss that is infinite at its third step; in float32 it is what it should be, or not."""

    def __init__(self, only_in_half):
        super().__init__()
        self.calls, self.only_in_half = 0, only_in_half

    def forward(self, logits, mask, weight):
        self.calls += 1
        loss = torch.nn.functional.cross_entropy(logits.float(), mask)
        again = self.calls == 4  # the float32 recheck
        return loss * float("inf") if self.calls == 3 or (again and not self.only_in_half) else loss


@pytest.mark.parametrize("only_in_half", [True, False])
def test_a_loss_that_is_not_finite_stops_the_run_and_saves_the_batch(tmp_path, only_in_half):
    built = build(config(*SMALL), tmp_path)
    built.task.loss = Overflow(only_in_half)
    before = {}

    class Keep(L.Callback):
        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
            before.update({k: v.clone() for k, v in pl_module.state_dict().items() if "running" not in k})

    built.trainer.callbacks.append(Keep())
    with pytest.raises(InputError) as caught:
        built.trainer.fit(built.task, built.data)
    message = str(caught.value)
    assert "the loss is inf at step 2; in float32" in message
    assert ("trainer.precision=32-true" in message) == only_in_half
    assert "optimizer.lr" in message
    saved = torch.load(tmp_path / "not_finite.pt", weights_only=True)
    assert saved["image"].shape == (4, 1, 32, 32)
    assert all(name in message for name in saved["id"])
    now = built.task.state_dict()
    assert all(torch.equal(now[k], v) for k, v in before.items() if v.is_floating_point())


def test_a_gradient_that_is_not_finite_stops_the_run_too(tmp_path):
    built = build(config(*SMALL), tmp_path)
    built.task.network.head.weight.register_hook(lambda gradient: gradient * float("nan"))
    with pytest.raises(InputError, match="the gradient is not finite at step 0"):
        built.trainer.fit(built.task, built.data)


def test_where_steps_are_not_waited_for_the_first_bad_one_is_left_out_and_named_later(tmp_path, monkeypatch):
    """As on a GPU: what is checked is read with the curves, after five steps."""
    monkeypatch.setattr("unet_lightning.callback.finite.waits_for", lambda value: False)
    monkeypatch.setattr("unet_lightning.callback.finite.reads_now", lambda trainer, _: trainer.global_step % 5 == 0)
    built = build(config(*SMALL), tmp_path)
    seen, steps = [], iter([1.0, 1.0, float("nan"), 1.0, 1.0])
    built.task.network.head.weight.register_hook(lambda gradient: gradient * next(steps))

    class Keep(L.Callback):
        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
            seen.append((batch["image"], {k: v.detach().clone() for k, v in pl_module.named_parameters()}))

    built.trainer.callbacks.append(Keep())
    with pytest.raises(InputError, match="the gradient is not finite at step 2; in float32 the loss is 0"):
        built.trainer.fit(built.task, built.data)
    assert len(seen) == 5
    assert torch.equal(torch.load(tmp_path / "not_finite.pt", weights_only=True)["image"], seen[2][0])
    assert all(torch.equal(seen[2][1][name], now) for name, now in built.task.named_parameters())
    assert any(not torch.equal(seen[1][1][name], now) for name, now in built.task.named_parameters())
