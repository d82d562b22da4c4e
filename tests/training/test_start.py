"""Weights taken over from another run, parts that keep theirs, and lower rates."""

import pytest
import torch

from tests.small import SMALL, TINY_NETWORK, TRIAL, config, write_untrained
from unet_lightning.config.instantiate import instantiate
from unet_lightning.error import InputError
from unet_lightning.prediction.load import load
from unet_lightning.training.build import build
from unet_lightning.training.start import for_channels, freeze, lowered, take_over


def built(checkpoint, *overrides, common=SMALL):
    return build(config(*common, f"init={checkpoint}", *overrides))


def test_predictions_before_the_first_step_are_those_of_the_checkpoint(checkpoint):
    run = built(checkpoint, "trainer.precision=32-true", "seed=7")
    predictor = load(checkpoint, overrides=["trainer.accelerator=cpu", "trainer.precision=32-true"])
    data = run.data
    record = data.dataset.split("test")[0]
    logits = run.task.predict(data.images("test")[0]["image"])
    torch.testing.assert_close(logits, predictor.logits(data.store[record].image), rtol=1e-4, atol=1e-4)
    assert len(list(logits.unique())) > 2


def test_what_does_not_fit_is_listed_and_begun_anew(checkpoint, caplog):
    caplog.set_level("INFO")
    plain = config(*SMALL)
    network = instantiate(plain["model"], in_channels=2, classes=4)
    taken = take_over(network, str(checkpoint), plain)
    old = torch.load(checkpoint, weights_only=True)["state_dict"]
    now = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    other = [name for name in now if now[name].shape != old[name].shape]
    assert other == ["network.encoder.blocks.0.0.weight", "network.head.weight", "network.head.bias"]
    assert len(taken) == len(list(network.parameters())) - len(other)
    assert "begun anew: encoder.blocks.0.0.weight 8x1x3x3 there, 8x2x3x3 here" in caplog.text
    assert all(torch.equal(now[name], old[name]) for name in now if name not in other)


@pytest.mark.parametrize(("before", "now"), [(3, 1), (1, 3)])
def test_weights_for_colour_images_see_a_gray_one_as_three_equal_channels(before, now):
    plain = config(*SMALL)
    old, new = (instantiate(plain["model"], in_channels=channels, classes=2).eval() for channels in (before, now))
    weights = {name: for_channels(tensor, new.state_dict()[name].shape) for name, tensor in old.state_dict().items()}
    new.load_state_dict(weights)
    gray = torch.rand(1, 1, 64, 64)
    with torch.no_grad():
        expected = old(gray.expand(1, before, 64, 64))
        torch.testing.assert_close(new(gray.expand(1, now, 64, 64)), expected, rtol=1e-4, atol=1e-5)


def test_what_was_begun_anew_in_a_frozen_part_is_trained():
    part = torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.Linear(1, 1))
    network = torch.nn.ModuleDict({"encoder": part, "head": torch.nn.Linear(1, 1)})
    freeze(network, "encoder", list(part[1].parameters()))
    assert [p.requires_grad for p in part.parameters()] == [True, True, False, False]
    with pytest.raises(InputError, match="freeze=head: none of its weights was taken over by init=…; leave it out"):
        freeze(network, ["encoder", "head"], list(part[1].parameters()))


def test_batch_norm_that_was_begun_anew_in_a_frozen_part_learns_its_statistics(tmp_path):
    shallow = write_untrained(tmp_path / "a" / "b.ckpt")  # of depth 1
    lines = ["model.depth=2", f"init={shallow}", "freeze=encoder", "logger=none"]
    run = build(config(*TRIAL, *lines), tmp_path / "run")
    before = {name: tensor.clone() for name, tensor in run.task.network.state_dict().items()}
    run.trainer.fit(run.task, run.data)
    after = run.task.network.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert {"encoder.blocks.2.0.weight", "encoder.blocks.2.1.running_mean"} <= changed
    assert not any(name.startswith(("encoder.blocks.0.", "encoder.blocks.1.")) for name in changed)


def test_a_checkpoint_of_another_network_says_what_to_type(checkpoint, tmp_path):
    with pytest.raises(InputError, match=r"none of its weights fits.*model\.base_channels=4"):
        built(write_untrained(tmp_path / "a" / "b.ckpt"), "model.base_channels=6", "model.depth=3")
    with pytest.raises(InputError, match="no such file"):
        built(tmp_path / "gone.ckpt", common=TRIAL)


def test_a_frozen_part_keeps_weights_and_statistics_through_a_training(tmp_path):
    run = build(config(*TRIAL, "freeze=encoder", "logger=none"), tmp_path)
    before = {name: tensor.clone() for name, tensor in run.task.network.state_dict().items()}
    run.trainer.fit(run.task, run.data)
    after = run.task.network.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert not any(name.startswith("encoder.") for name in changed)
    assert any("running_mean" in name for name in changed)


def test_parts_are_found_by_name_wherever_they_are():
    network = torch.nn.ModuleDict({"network": torch.nn.ModuleDict({"encoder": torch.nn.Linear(1, 1)})})
    network["head"] = torch.nn.Linear(1, 1)
    assert freeze(network, ["encoder"]) == [network["network"]["encoder"]]
    assert [p.requires_grad for p in network.parameters()] == [False, False, True, True]
    with pytest.raises(InputError, match=r"freeze=tail: .* it has network, network.encoder, head"):
        freeze(network, "tail")
    with pytest.raises(InputError, match="nothing is left to train"):
        freeze(network, ["encoder", "head"])


def test_what_was_taken_over_steps_by_its_share_of_the_rate():
    old, new = (torch.nn.Parameter(torch.ones(1)) for _ in range(2))
    make = lowered(lambda groups: torch.optim.SGD(groups, lr=0.5), [old], 0.1)
    optimizer = make([old, new])
    (old + new).sum().backward()
    optimizer.step()
    assert (old.item(), new.item()) == pytest.approx((1 - 0.05, 1 - 0.5))


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["init_lr=0.1"], "init_lr: nothing is taken over; set init=best.ckpt"),
        (["init=a.ckpt", "init_lr=2"], "init_lr=2.0: expected a share above 0.0 up to 1.0"),
        (["freeze=3"], "freeze=3: expected a part of the network, such as encoder, or a list"),
    ],
)
def test_wrong_values_are_refused(typed, said):
    with pytest.raises(InputError, match=said):
        config(*TINY_NETWORK, *typed)
