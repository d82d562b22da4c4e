"""The network's forward pass for training, compiled by `torch.compile` where that is asked for or pays."""

import logging
import shutil
import sysconfig
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from unet_lightning.model.network import Network
from unet_lightning.pipeline.data_module import DataModule
from unet_lightning.pipeline.sampler import crops_of_each
from unet_lightning.runtime.device import choose_device

log = logging.getLogger(__name__)
PAYS = 10**10  # values of the finest features, in all steps of a training on a CPU: docs/results.md


def training_forward(config: Mapping[str, Any], network: Network, data: DataModule) -> Callable[[Tensor], list[Tensor]]:
    """`network.logits_by_level`, or its compiled twin: the same numbers but for rounding, dropout included."""
    wanted = config["compile"]
    if wanted == "auto":
        work = features(config, network, data)
        wanted = not (reason := why_not(config, work))
        log.info(f"compile   {'yes' if wanted else f'no: {reason}'}")
    if not wanted:
        return network.logits_by_level
    return torch.compile(network.logits_by_level, options={"fallback_random": True})  # dropout draws what it drew


def why_not(config: Mapping[str, Any], work: int) -> str:
    """Why `compile=auto` doesn't compile a training of `work` values of the finest features; empty if it does.

    What is left of a run that goes on doesn't count, so that it is compiled as before.
    """
    if choose_device(config["trainer"]["accelerator"]).type != "cpu":
        return "how much a GPU gains wasn't measured; compile=true does it"
    if work < PAYS:
        return f"{work:.1e} values in all steps, and it pays from {PAYS:.0e} on"
    if not can_compile():
        return "no C++ compiler, or no headers of Python, on this machine"
    return ""


def can_compile() -> bool:
    """Whether there is what torch.compile needs on a CPU."""
    compiler = any(shutil.which(name) for name in ("g++", "c++", "clang++"))
    return compiler and Path(sysconfig.get_path("include"), "Python.h").exists()


def features(config: Mapping[str, Any], network: Network, data: DataModule) -> int:
    """The values of the finest features, of all pixels of all crops of the training."""
    sampling, trainer, images = data.sampling, config["trainer"], data.statistics.images
    crops = (sampling.steps or 0) * sampling.batch_size or images * crops_of_each(images, sampling)
    limits = [crops * trainer["max_epochs"]] if (trainer["max_epochs"] or 0) > 0 else []
    if trainer["max_steps"] > 0:
        limits.append(trainer["max_steps"] * trainer["accumulate_grad_batches"] * sampling.batch_size)
    height, width = (side + 2 * data.margin for side in data.crop)
    return min(limits, default=0) * height * width * network.features
