"""Accumulation, clipping and averaged weights, each by its override."""

import pytest
import torch

from tests.training.together import build
from unet_lightning.config.compose import compose
from unet_lightning.metric.semantic import summary
from unet_lightning.training.score import load_weights, score
from unet_lightning.training.task import SegmentationTask

PLAIN = ["data.number=10", "data.crops_per_image=8", "augment=none", "trainer.max_epochs=1"]
STEEPEST = ["optimizer=sgd", "optimizer.lr=1", "optimizer.momentum=0", "optimizer.nesterov=false", "schedule=constant"]


def parameters(task):
    return {name: value.detach().clone() for name, value in task.named_parameters()}


def after(folder, *overrides):
    """Parameters before and after training, and the number of steps."""
    built = build(folder, 1, *PLAIN, *overrides)
    before = parameters(built.task)
    built.trainer.fit(built.task, built.data)
    return before, parameters(built.task), built.trainer.global_step


def test_two_batches_accumulated_are_one_of_twice_the_size(tmp_path):
    _, halves, steps = after(tmp_path / "a", "data.batch_size=4", "trainer.accumulate_grad_batches=2")
    before, whole, same = after(tmp_path / "b", "data.batch_size=8")
    assert steps == same == 6
    for name, expected in whole.items():
        assert (halves[name] - expected).abs().max() < 1e-5
        assert not torch.equal(expected, before[name])


@pytest.mark.parametrize("largest", [0.01, None])
def test_a_clipped_gradient_is_no_longer_than_asked_for(tmp_path, largest):
    clip = f"trainer.gradient_clip_val={largest or 'null'}"
    before, moved, _ = after(tmp_path, *STEEPEST, "optimizer.weight_decay=0", "trainer.max_steps=1", clip)
    length = torch.cat([(moved[name] - before[name]).flatten() for name in moved]).norm()
    if largest:
        assert length == pytest.approx(largest, rel=1e-3)
    else:
        assert length > 0.02


def test_the_average_of_the_weights_is_scored_and_saved(tmp_path, monkeypatch):
    steps = []
    monkeypatch.setattr(SegmentationTask, "on_train_batch_end", lambda task, *_: steps.append(parameters(task)))
    built = build(tmp_path, 1, *PLAIN, "trainer.limit_train_batches=3", "ema=0.5")
    built.trainer.fit(built.task, built.data)
    first, second, third = steps
    saved = torch.load(built.trainer.checkpoint_callback.best_model_path, weights_only=True)["state_dict"]
    for name in first:
        average = 0.25 * first[name] + 0.25 * second[name] + 0.5 * third[name]
        torch.testing.assert_close(saved[name], average, rtol=0, atol=1e-6)
        assert not torch.equal(saved[name], third[name])
    while_training = built.trainer.checkpoint_callback.best_model_score
    again = build(tmp_path / "again", 1, *PLAIN)
    load_weights(again.task, built.trainer.checkpoint_callback.best_model_path)
    again.trainer.validate(again.task, again.data, verbose=False)
    scores = summary(again.task.confusions["val"], again.data.dataset.classes)
    assert float(while_training) == pytest.approx(scores["pooled"]["dice"]["foreground"], abs=1e-6)


def test_without_a_decay_the_weights_themselves_are_saved():
    assert compose([]).ema == 0
    assert not any("Averaging" in type(c).__name__ for c in build(None, 1, *PLAIN).trainer.callbacks)


def test_what_is_scored_is_the_best_checkpoint_and_not_the_last_average(tmp_path):
    built = build(tmp_path, 1, *PLAIN, "ema=0.5")
    built.trainer.fit(built.task, built.data)
    path = built.trainer.checkpoint_callback.best_model_path
    content = torch.load(path, weights_only=True)
    content["state_dict"]["network.head.weight"].zero_()
    content["state_dict"]["network.head.bias"].zero_()[1] = 1  # the best one sees class 1 alone
    torch.save(content, path)
    results = score(built)
    for split in ("val", "test"):
        assert results[split]["pooled"]["recall"]["classes"][built.data.dataset.classes[1]] == 1
        assert results[split]["pooled"]["recall"]["classes"][built.data.dataset.classes[0]] == 0


def test_masks_made_from_objects_are_what_training_scores_and_shows(tmp_path):
    built = build(tmp_path, 1, *PLAIN, "postprocess.masks=true", "postprocess.min_size=100000")
    built.task.network.head.bias.data[1] = 50  # objects everywhere, and all too small to stay
    built.trainer.validate(built.task, built.data, verbose=False)
    built.trainer.test(built.task, built.data, verbose=False)
    for split in ("val", "test"):
        confusion = built.task.confusions[split].sum(0)  # (K, K), labelled by predicted
        assert confusion[:, 1:].sum() == 0
        assert confusion[1:, 0].sum() > 0
