"""What test_devices.py compares, run by one process and by two: `python -m tests.training.together FOLDER`."""

import sys
from pathlib import Path
from unittest.mock import patch

import torch
from torch import distributed as dist
from torch import nn

from tests.small import CELLS, QUIET, TINY_NETWORK, config
from unet_lightning.config.groups import groups
from unet_lightning.config.instantiate import instantiate
from unet_lightning.plan.apply import planned_overrides
from unet_lightning.plan.nnunet import NnUNet
from unet_lightning.runtime.distributed import leaving_group, this_process
from unet_lightning.runtime.launch import rank
from unet_lightning.training.batch_norm import convert_sync_batch_norm
from unet_lightning.training.build import build as build_run

SMALL = [
    *(*CELLS, "tile=32", "data.batch_size=4", "data.crops_per_image=6", "model.norm=none", "trainer.precision=32-true"),
    *(*TINY_NETWORK, *QUIET),
]
IMAGES = {5: 25, 2: 10, 1: 5}  # in the validation split: in all


def build(folder, devices, *overrides):
    torch.manual_seed(0)
    return build_run(config(*SMALL, f"trainer.devices={devices}", "trainer.strategy=ddp", *overrides), folder)


def trained(folder, devices):
    """Parameters after 20 steps on unevenly weighted crops."""
    options = ["data.number=10", "weight=border", "augment=paper", "trainer.max_steps=20", "trainer.max_epochs=9"]
    built = build(folder, devices, *options, "trainer.gradient_clip_val=1")
    built.trainer.fit(built.task, built.data)
    assert built.trainer.global_step == 20
    return {name: value.clone() for name, value in built.task.state_dict().items()}


def scored(folder, devices):
    """Confusion matrices of 5, 2 and 1 validation images, and the tables of the objects of as many test images."""
    found = {}
    for images, number in IMAGES.items():
        built = build(folder / str(images), devices, f"data.number={number}", "model.norm=batch")
        built.trainer.validate(built.task, built.data, verbose=False)
        built.trainer.test(built.task, built.data, verbose=False)
        objects = {index: [table.references, table.predictions] for index, table in built.task.objects.items()}
        found[images] = (built.task.confusions["val"], built.task.confusions["test"], repr(objects))
    return found


def pixels():
    """Features (4, 3, 6, 6), labels and weights, of which the second half of the batch counts much more."""
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(4, 3, 6, 6, generator=generator)
    mask = torch.randint(0, 3, (4, 6, 6), generator=generator)
    weight = torch.rand(4, 6, 6, generator=generator) * torch.tensor([0.0, 0.1, 1, 3])[:, None, None]
    return features, mask, weight


def gradients(module, loss):
    """Loss of this process's share of the batch, and the gradient of the module as DDP would give it."""
    share = slice(rank() * 4 // this_process().count, (rank() + 1) * 4 // this_process().count)
    features, mask, weight = (part[share] for part in pixels())
    value = loss(module(features), mask, weight)
    value.backward()
    found = {name: parameter.grad for name, parameter in module.named_parameters()}
    if this_process().count > 1:
        for gradient in found.values():
            dist.all_reduce(gradient)
            gradient /= this_process().count
    return value.detach(), found


def losses():
    """Of every loss, and with both reductions where there are two."""
    names = [[f"loss={name}"] for name in groups()["loss"]]
    names += [["loss=dice", "loss.reduction=sample"], ["loss=tversky", "loss.reduction=sample"]]
    found = {}
    for name in names:
        torch.manual_seed(0)
        found[" ".join(name)] = gradients(nn.Conv2d(3, 3, 1), instantiate(config(*name)["loss"]))
    return found


def batch_norm():
    """Gradients and state of a network with batch norm, synchronised where there are several processes."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 3, 1))
    module = convert_sync_batch_norm(module) if this_process().count > 1 else module
    loss, found = gradients(module, instantiate(config("loss=ce")["loss"]))
    return loss, found, module.state_dict()


def planned(folder):
    """The overrides of a plan, and how often this process made it."""
    made = []

    class Counted(NnUNet):
        def decide(self, plain, typed):
            made.append(1)
            return super().decide(plain, typed)

    with patch("unet_lightning.plan.apply.instantiate", lambda _: Counted("plain", None, None)):
        overrides = planned_overrides(config(*CELLS, "data.number=10", "plan=nnunet"), ["plan=nnunet"], folder)
    return overrides, len(made)


def everything(folder, devices):
    return {
        "planned": planned(folder / "planned"),
        "trained": trained(folder / "trained", devices),
        "scored": scored(folder / "scored", devices),
        "losses": losses(),
        "batch_norm": batch_norm(),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    place = Path(sys.argv[1])
    with leaving_group():
        torch.save(everything(place, 2), place / f"{rank()}.pt")
