"""A task made in Python: trained by any trainer, equal to that of the command line, loaded as any other."""

import re

import lightning as L
import numpy as np
import pytest
import torch
from torch import nn

from tests.arrays import cells
from tests.small import CELLS, PARTS, QUIET, TINY_NETWORK, config
from unet_lightning import (
    InputError,
    build_data,
    build_data_from_arrays,
    build_loss,
    build_network,
    build_postprocess,
    build_target,
    build_task,
    build_weight,
    load,
)
from unet_lightning.augment.compose import Augment
from unet_lightning.pipeline.find import find_dataset
from unet_lightning.training.build import build

IMAGES, MASKS, INSTANCES = cells(6)
TINY = {"depth": 1, "base_channels": 4}
STILL = {"accelerator": "cpu", "logger": False, "enable_progress_bar": False, "enable_model_summary": False}


def arrays(**values):
    return build_data_from_arrays(IMAGES, MASKS, **{"crop": 32, "num_workers": 0, "min_steps": 1, **values})


def network_for(data, **values):
    return build_network("unet", in_channels=data.channels, classes=data.outputs, **{**TINY, **values})


def trainer(folder, **values):
    return L.Trainer(**{**STILL, "default_root_dir": folder, "max_epochs": 1, **values})


def test_python_and_the_command_line_train_the_same_network(tmp_path):
    words = [*CELLS, *QUIET, *TINY_NETWORK, "data.number=6", "loss=ce_dice", "weight=border"]
    run = build(config(*words, "trainer.precision=32-true", "trainer.max_epochs=1"), tmp_path)
    values = {"number": 6, "height": 40, "width": 36, "cells": 6, "crop": 24, "min_steps": 1, "num_workers": 0}
    data = build_data("synthetic", weight=build_weight("border"), **values)
    task = build_task(network_for(data), data, build_loss("ce_dice"))
    task.network.load_state_dict(run.task.network.state_dict())
    run.trainer.fit(run.task, run.data)
    trainer(tmp_path, precision="32-true", enable_checkpointing=False).fit(task, data)
    for name, ours in task.network.state_dict().items():
        assert torch.allclose(ours, run.task.network.state_dict()[name], atol=1e-5), name
    kept = (*PARTS, "data")
    assert {key: task.identity["config"][key] for key in kept} == {
        key: run.task.identity["config"][key] for key in kept
    }


def test_a_checkpoint_of_any_trainer_is_loaded(tmp_path):
    data = arrays(instances=INSTANCES, normalize=None)
    task = build_task(network_for(data), data, build_loss("dice"), tile=(48, 32))
    fitted = trainer(tmp_path, max_epochs=3)
    fitted.fit(task, data)
    scores = fitted.test(task, data, verbose=False)[0]
    assert 0 <= scores["test/objects/aji"] <= 1
    predictor = load(fitted.checkpoint_callback.best_model_path)
    assert predictor.tile == (48, 32)
    assert predictor.models[0].identity["precision"] == "32-true"
    grey = predictor.logits(IMAGES[0])
    assert grey.shape == (2, 64, 64)
    assert torch.equal(grey, predictor.logits(IMAGES[0][..., None]))
    outputs = task.predict(data.images("train")[0]["image"])
    number = int(data.dataset.split("train")[0].id)
    assert torch.allclose(predictor.logits(IMAGES[number]), outputs, atol=1e-4)
    with pytest.raises(InputError, match=r"set data=folder data\.root=FOLDER"):
        find_dataset(load(fitted.checkpoint_callback.best_model_path, verb="evaluate").config)


def test_networks_of_one_data_module_may_have_different_margins(tmp_path):
    data = arrays()
    tasks = [build_task(network_for(data, convolution=kind), data) for kind in ("valid", "same")]
    for task in tasks:
        trainer(tmp_path, enable_checkpointing=False).fit(task, data)
        assert data.margin == task.network.geometry.margin
    assert data.crop == (32, 32)


class Squared(nn.Module):
    def forward(self, logits, mask, weight):
        wanted = nn.functional.one_hot(mask, logits.shape[1]).movedim(3, 1)
        return ((logits - wanted) ** 2 * weight[:, None]).mean()


class Doubled:
    reach, needs_objects = 0, False

    def fit(self, statistics):
        self.images = statistics["images"]

    def __call__(self, mask, instances, random):
        return np.full(mask.shape, 2, np.float32)


def test_a_loss_a_weight_and_an_optimizer_of_ones_own_train_and_are_named(tmp_path):
    data = arrays(weight=Doubled())
    assert data.transforms.weight.images == 4
    assert set(np.unique(next(iter(data.train_dataloader()))["weight"])) <= {0.0, 2.0}
    task = build_task(network_for(data), data, Squared(), optimizer=torch.optim.Adagrad)
    fitted = trainer(tmp_path)
    fitted.fit(task, data)
    assert type(fitted.optimizers[0]) is torch.optim.Adagrad
    predictor = load(fitted.checkpoint_callback.best_model_path)
    assert predictor.predict(IMAGES[0]).shape == (64, 64)
    named = predictor.models[0].identity["config"]
    assert named["loss"]["_target_"].endswith("test_own_task.Squared")
    assert named["weight"]["_target_"].endswith("test_own_task.Doubled")
    assert named["optimizer"]["_target_"] == "torch.optim.adagrad.Adagrad"


def test_parts_that_no_module_names_train_and_their_checkpoint_is_loaded(tmp_path):
    seen = set()

    class Local(Doubled):
        def __init__(self, factor):  # a value that no config holds
            self.factor = factor

        def __call__(self, mask, instances, random):
            seen.add("weight")
            return self.factor * super().__call__(mask, instances, random)

    class Still(Augment):
        def __call__(self, *place):
            seen.add("augment")
            return super().__call__(*place)

    class Loss(Squared):
        def forward(self, *batch):
            seen.add("loss")
            return super().forward(*batch)

    data = arrays(weight=Local(0.5), augment=Still(None, {}, 0.0, {}, "mirror", {}))
    assert next(iter(data.train_dataloader()))["weight"].unique().tolist() == [1.0]
    stochastic = lambda parameters: torch.optim.SGD(parameters, lr=0.01)  # noqa: E731
    for loss in (Loss(), lambda *batch: Squared()(*batch)):
        seen.clear()
        task = build_task(network_for(data), data, loss, optimizer=stochastic)
        fitted = trainer(tmp_path, enable_checkpointing=False)
        fitted.fit(task, data)
        assert seen >= {"weight", "augment", *(["loss"] if isinstance(loss, Loss) else [])}
        fitted.save_checkpoint(tmp_path / "own.ckpt")
        predictor = load(tmp_path / "own.ckpt")
        assert predictor.predict(IMAGES[0]).shape == (64, 64)
        named = predictor.models[0].identity["config"]
        for key, name in (("weight", "Local"), ("augment", "Still"), ("optimizer", "<lambda>")):
            assert named[key]["_target_"].endswith(f".<locals>.{name}")


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (
            "weight",
            "a function without reach, needs_objects, fit; expected what crops ask of one; derive it from Weight",
        ),
        (
            "augment",
            "a function without photometric, on_normalized; expected what crops ask of one; derive it from Augm",
        ),
    ],
)
def test_a_function_where_crops_ask_for_more_is_refused(key, said):
    with pytest.raises(InputError, match=f"{key} is {said}"):
        arrays(**{key: lambda *given: given})


def test_rims_are_learned_and_put_together(tmp_path):
    data = build_data_from_arrays(IMAGES, instances=INSTANCES, target=build_target("boundary"), crop=32, num_workers=0)
    assert data.outputs == 3
    with pytest.raises(InputError, match="set postprocess=rims"):
        build_task(network_for(data), data)
    task = build_task(network_for(data), data, postprocess=build_postprocess("rims"))
    fitted = trainer(tmp_path, max_epochs=1)
    fitted.fit(task, data)
    predictor = load(fitted.checkpoint_callback.best_model_path)
    assert predictor.postprocess.apply(predictor.ids(IMAGES[0]))[1].shape == (64, 64)


def test_parts_that_do_not_fit_are_refused():
    data = arrays(ridge=2)
    fitting = network_for(data)
    assert build_task(fitting, data).inference.postprocess.ridge == 2
    wrong = build_network("unet", in_channels=3, classes=4, **TINY)
    cases = [
        ((wrong, data), {}, "built with in_channels=3, classes=4; the data needs in_channels=1, classes=2"),
        ((nn.Conv2d(1, 2, 1), data), {}, "model is a Conv2d; expected one of model; give what build_network returns"),
        ((fitting, L.LightningDataModule()), {}, "give what build_data or build_data_from_arrays returns"),
        ((fitting, data, build_weight()), {}, "loss is a part of weight; expected one of loss"),
        ((fitting, data), {"tile": 0}, "tile=0: expected 1 to"),
        ((fitting, data), {"tiling": "grid"}, "tiling=grid: expected overlap or nnunet"),
        (
            (fitting, data),
            {"postprocess": build_postprocess("rims")},
            "postprocess=rims for a network that learned none",
        ),
    ]
    for parts, values, said in cases:
        with pytest.raises(InputError, match=re.escape(said)):
            build_task(*parts, **values)


def test_several_devices_are_left_to_the_command_line(monkeypatch):
    data = arrays()
    task = build_task(network_for(data), data)
    several = L.Trainer(**STILL, devices=2, strategy="ddp")
    task.trainer = several
    with pytest.raises(InputError, match="set devices=1"):
        task.setup("fit")
    task.trainer = L.Trainer(**STILL, devices=1)
    task.setup("fit")
    assert task.identity["precision"] == "32-true"
