"""A task made in Python of its parts, for a trainer of Lightning that the user makes."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from unet_lightning.config.check import check
from unet_lightning.config.instantiate import instantiate
from unet_lightning.config.part import Origin, configured, node_of, origin_of
from unet_lightning.error import InputError
from unet_lightning.model.network import Network
from unet_lightning.pipeline.data_module import DataModule
from unet_lightning.pipeline.own_data import OWN
from unet_lightning.postprocess.objects import Objects
from unet_lightning.prediction.identity import check_identity
from unet_lightning.tiling.grid import Tile
from unet_lightning.training.build import assemble, check_network, identify
from unet_lightning.training.limits import check_limits
from unet_lightning.training.task import Inference, Objective, SegmentationTask
from unet_lightning.tta.flip_rotate import FlipRotate


def build_task(
    network: Network,
    data: DataModule,
    loss: nn.Module | None = None,
    *,
    optimizer: Callable[..., torch.optim.Optimizer] | None = None,
    schedule: Callable[..., Any] | None = None,
    postprocess: Objects | None = None,
    tta: FlipRotate | None = None,
    tile: Tile | None = None,
    tiling: str | None = None,
) -> SegmentationTask:
    """The LightningModule that trains a network on the crops of a data module and scores it on its whole images.

    `lightning.Trainer(…).fit(task, data)` trains it, and `load` reads the checkpoints of that trainer. It logs
    `train/loss`, `val/loss` and scores such as `val/pooled/dice/foreground`, which callbacks may monitor.

    network: of `build_network`, with `in_channels=data.channels` and `classes=data.outputs`. loss: of `build_loss`, or
    your own module of logits (B, K, h, w), mask (B, h, w) and weight (B, h, w) to a scalar. optimizer: of
    `build_optimizer`, or a function of the parameters. schedule: of `build_schedule`, or a function of the optimizer
    and the number of steps. postprocess, tta: how whole images are predicted. tile: side, or height and width, in
    pixels of a tile's output. tiling: `overlap` or `nnunet`. What isn't given is the default of `conf/train.yaml`.
    InputError where parts don't fit each other or the data.
    """
    origin = origin_of(data)
    if origin is None:
        raise InputError("a data module of another make; give what build_data or build_data_from_arrays returns")
    config = {**configured({}, {"data": {"ridge": origin.node["data"]["ridge"]}}), **_built_by_name(origin, data)}
    sides = list(tile) if isinstance(tile, tuple) else tile
    config |= {key: value for key, value in (("tile", sides), ("tiling", tiling)) if value is not None}
    model = config["model"] = node_of(network, "model")
    config |= {key: model[key] for key in ("upsample", "fusion") if key in model}
    given: dict[str, Any] = {"postprocess": postprocess, "tta": tta}
    config |= {key: node_of(part, key) for key, part in given.items() if part is not None}
    check(config)
    _check_sizes(network, data)
    check_network(config, network)
    check_limits(config, data)
    given |= {"loss": loss, "optimizer": optimizer, "schedule": schedule}
    parts: dict[str, Any] = {key: instantiate(config[key]) if part is None else part for key, part in given.items()}
    config |= {**origin.node, **{key: node_of(part, key, own=True) for key, part in given.items() if part is not None}}
    config["trainer"] = {key: config["trainer"][key] for key in ("accelerator", "precision")}  # of prediction alone
    objective = Objective(**{key: parts[key] for key in ("loss", "optimizer", "schedule")})
    how = (config["tile"], config["tiling"], parts["tta"], parts["postprocess"], data.transforms.target)
    identity = identify(config, data, network.geometry.to_dict(), "32-true")
    check_identity(identity)
    return assemble(network, objective, Inference(*how), identity)


def _built_by_name(origin: Origin, data: DataModule) -> dict[str, Any]:
    """The nodes of a data module without those of the user's own parts, which no config could build."""
    return {
        key: node for key, node in origin.node.items() if key not in OWN or origin_of(getattr(data.transforms, key))
    }


def _check_sizes(network: Network, data: DataModule) -> None:
    """InputError for a network of other images, or other classes, than the data has."""
    origin = origin_of(network)
    assert origin is not None
    needed = {"in_channels": data.channels, "classes": data.outputs}
    if dict(origin.arguments) != needed:
        came, wanted = (", ".join(f"{k}={v}" for k, v in sizes.items()) for sizes in (origin.arguments, needed))
        raise InputError(f"the network was built with {came}; the data needs {wanted}; build it so")
