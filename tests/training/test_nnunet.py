"""A run with nnU-Net's network and loss, from the config to a prediction of its checkpoint."""

import numpy as np
import pytest
import torch

from tests.small import CELLS, QUIET, TINY_NETWORK, config
from unet_lightning import load
from unet_lightning.error import InputError
from unet_lightning.prediction.checkpoint import load_model
from unet_lightning.training.build import build, check_network
from unet_lightning.training.run import train as train_run

STAGES = [
    "model.stages.channels=[4,8,8]",
    "model.stages.kernels=[[3,3],[3,3],[3,3]]",
    "model.stages.strides=[[1,1],[2,2],[1,2]]",
    "model.stages.blocks=[1,2,1]",
]
SMALL = [*CELLS, *QUIET, "data.number=5", "data.batch_size=2", "tile=24", "trainer.max_epochs=1", "loss=nnunet"]


@pytest.mark.parametrize("model", ["nnunet", "residual"])
def test_a_checkpoint_predicts_what_training_scored(tmp_path, model):
    options = config(*SMALL, f"model={model}", *STAGES)
    results = train_run(options, tmp_path)
    assert results["status"] == "finished"
    path = tmp_path / "checkpoints" / "best.ckpt"
    built = build(options)
    built.task.load_state_dict(torch.load(path, weights_only=True)["state_dict"])
    expected = built.task.predict(built.data.images("val")[0]["image"]).argmax(0)
    record = built.data.dataset.split("val")[0]
    found = load(path).predict(built.data.dataset.read(record).image)
    assert np.array_equal(found, expected.numpy())
    network = load_model(path).network
    assert not network.training
    assert network.geometry.multiples == (2, 4)


def test_a_crop_is_rounded_up_to_what_the_strides_divide():
    built = build(config(*SMALL, "model=nnunet", *STAGES, "data.crop=17"))
    assert built.data.crop == (18, 20)
    batch = next(iter(built.data.train_dataloader()))
    assert [tuple(o.shape[2:]) for o in built.task.training_forward(batch["image"])] == [(18, 20), (9, 10)]


@pytest.mark.filterwarnings("ignore:.*self.trainer. reference is not registered.*")
def test_ignored_labels_have_no_influence_on_a_step():
    built = build(config(*SMALL, "model=nnunet", *STAGES))
    batch = next(iter(built.data.train_dataloader()))
    batch["weight"][..., :12] = 0
    other = batch | {"mask": torch.where(batch["weight"] > 0, batch["mask"], 1 - batch["mask"])}
    with built.trainer.precision_plugin.forward_context():
        assert torch.equal(built.task.training_step(batch, 0), built.task.training_step(other, 0))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.stages.channels=[4,8]", "2 channels, 3 kernels"),
        ("model.stages.channels=[4,8,100000]", "less than or equal to 8192"),
        ("model.stages.strides=[[1,1],[2,2],[2]]", "at least 2 items"),
        ("model.stages.blocks=[1,2,1000]", "less than or equal to 64"),
        ("model.stages.depth=3", "not a key"),
        ("model.depth=3", "not a key"),
        ("model.deep_supervision=1", "valid boolean"),
        ("upsample=unpool", "upsample=transposed"),
    ],
)
def test_sizes_that_no_network_has_are_refused(override, message):
    with pytest.raises(InputError, match=message):
        build(config(*SMALL, "model=nnunet", *STAGES, override))


def test_kernels_of_three_axes_are_refused_for_pictures():
    stages = [f"model.stages.kernels={[[3, 3, 3]] * 3}", "model.stages.strides=[[1,1,1],[2,2,2],[2,2,2]]"]
    with pytest.raises(InputError, match="three axes, and networks of volumes aren't trained: slices are, by kernels"):
        build(config(*SMALL, "model=nnunet", *STAGES, *stages))


def test_tiles_without_context_are_refused_before_training_where_the_network_needs_it():
    with pytest.raises(InputError, match="expected same convolution; set tiling=overlap"):
        build(config(*CELLS, *QUIET, *TINY_NETWORK, "model.convolution=valid", "tiling=nnunet", "data.number=5"))


def test_a_network_that_lacks_what_is_asked_of_it_is_refused_by_name():
    with pytest.raises(
        InputError,
        match=r"a Conv2d lacks geometry, features, interior, logits_by_level.*model=any .*_target_=mine.Net",
    ):
        check_network({"tile": 16, "tiling": "overlap", "model": {"_target_": "mine.Net"}}, torch.nn.Conv2d(1, 2, 1))
