"""What the keys of data that draw crops do to a run."""

import pytest
import torch

from tests.small import SMALL, config, train
from unet_lightning.error import InputError
from unet_lightning.training.build import build
from unet_lightning.training.folder import newest_point


def test_an_epoch_has_the_steps_that_were_asked_for(tmp_path):
    steps = ["data.steps=3", "trainer.max_epochs=2", "schedule=poly"]
    train(tmp_path, *steps, "data.foreground_by=batch", "data.foreground=0.33")
    assert newest_point(tmp_path).path.stem == "step-00000006"
    state = newest_point(tmp_path).content
    assert state["lr_schedulers"][0]["_last_lr"] == [0.0]  # it ends with the last step
    with pytest.raises(InputError, match="an epoch has 3 batches"):
        build(config(*SMALL, *steps, "trainer.accumulate_grad_batches=4"))


def test_the_last_crops_of_a_batch_lie_on_objects():
    sparse = ["data.cells=1", "data.height=300", "data.width=300", "data.crop=24", "augment=none"]
    data = build(config(*SMALL, *sparse, "data.steps=40", "data.foreground_by=batch", "data.foreground=0.33")).data
    masks = torch.cat([batch["mask"] for batch in data.train_dataloader()]).view(40, 4, -1).any(2)
    assert masks[:, 3].all()
    assert masks[:, :3].float().mean() < 0.5


def test_oblong_crops_train_and_are_shown(tmp_path):
    results = train(tmp_path, "data.crop=[16,40]", "trainer.max_epochs=1", "data.crops_per_image=2", "augment=elastic")
    assert results["status"] == "finished"
