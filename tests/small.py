"""Small runs that many tests share: what to type for them, and how they are started."""

import os
from copy import deepcopy
from functools import cache

import torch

from unet_lightning.config.check import resolve
from unet_lightning.config.compose import compose
from unet_lightning.config.quote import quote_paths, read
from unet_lightning.prediction.checkpoint import CHECKPOINT_KEY
from unet_lightning.training.build import build
from unet_lightning.training.run import CommandLine
from unet_lightning.training.run import train as train_config

PARTS = (  # the keys of which Python builds parts
    *("model", "loss", "weight", "augment", "normalize", "target", "postprocess", "tta", "optimizer", "schedule"),
)
QUIET = ["data.num_workers=0", "trainer.accelerator=cpu", "trainer.enable_progress_bar=false"]
TINY_NETWORK = ["model.depth=1", "model.base_channels=4"]
SMALL_NETWORK = ["model.depth=2", "model.base_channels=8"]
CELLS = [  # small touching cells
    *("data=synthetic", "data.height=40", "data.width=36", "data.cells=6", "data.crop=24", "data.min_steps=1"),
]
SMALL = [  # a run that learns something in seconds
    *("data=synthetic", "data.number=10", "data.height=72", "data.width=50", "data.cells=8", "data.crop=32"),
    *("data.batch_size=4", "data.crops_per_image=6", "data.min_steps=1", "tile=32", "trainer.max_epochs=6"),
    *(*SMALL_NETWORK, *QUIET),
]
TRIAL = [  # a run that only has to end
    *("data=synthetic", "data.number=5", "data.height=32", "data.width=32", "data.crop=16", "data.crops_per_image=2"),
    *("data.min_steps=1", "tile=32", "trainer.max_epochs=1"),
    *(*TINY_NETWORK, *QUIET),
]


FOLDERS = {"data.root": "root", "data.cache_dir": "cache_dir"}  # keys whose value is a folder of the one test alone


def config(*overrides):
    """The plain, checked config of some overrides; Hydra takes 0.15 s, so that it is asked once, for any folders."""
    found = {key: line for line in overrides if (key := line.partition("=")[0]) in FOLDERS and line != f"{key}=null"}
    composed = tuple(f"{key}=." if (key := line.partition("=")[0]) in found else line for line in overrides)
    plain = deepcopy(_config(composed, os.environ.get("XDG_CACHE_HOME")))
    for key, line in found.items():
        plain["data"][FOLDERS[key]] = read(*quote_paths([line])).value()
    return plain


@cache
def _config(overrides, _):
    return resolve(compose(list(overrides)))


def train(folder, *overrides):
    """Train SMALL with some overrides; what results.json holds."""
    return train_config(config(*SMALL, *overrides), folder, CommandLine(list(overrides)))


def untrained():
    """What the checkpoint of TRIAL holds before its first step."""
    task = build(config(*TRIAL)).task
    return {"state_dict": dict(task.state_dict()), CHECKPOINT_KEY: task.identity}


def write_untrained(path):
    """The path of a checkpoint in a run's folder, loadable and untrained."""
    path.parent.mkdir(parents=True)
    torch.save(untrained(), path)
    return path
