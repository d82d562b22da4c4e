"""Config to run: data set → statistics → network → data module → task → trainer, each checked before the next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import lightning as L
import torch
from torch import nn

from unet_lightning.callback.resume import Resume
from unet_lightning.config.instantiate import instantiate
from unet_lightning.config.plain import config_hash
from unet_lightning.error import InputError
from unet_lightning.model.network import Network
from unet_lightning.pipeline.build import build_data_module
from unet_lightning.pipeline.data_module import DataModule
from unet_lightning.pipeline.known_data import KnownData
from unet_lightning.prediction.checkpoint import FORMAT
from unet_lightning.prediction.identity import check_identity
from unet_lightning.record import split_hash
from unet_lightning.runtime.device import choose_precision
from unet_lightning.runtime.machine import versions
from unet_lightning.tiling.grid import GRIDS, Geometry
from unet_lightning.tiling.window import sides_of
from unet_lightning.training.compiled import training_forward
from unet_lightning.training.limits import check_limits
from unet_lightning.training.optimizer import fused
from unet_lightning.training.start import freeze, lowered, take_over
from unet_lightning.training.task import OBJECTS, Inference, Objective, SegmentationTask
from unet_lightning.training.trainer import build_loggers, build_trainer

CONTRACT = ("geometry", "features", "interior", "logits_by_level")


@dataclass(frozen=True)
class Run:
    """What a config builds."""

    data: DataModule
    task: SegmentationTask
    trainer: L.Trainer

    @property
    def resume(self) -> Resume | None:
        """The callback that writes the checkpoints to resume from; None if it was removed from the config."""
        return next((c for c in self.trainer.callbacks if isinstance(c, Resume)), None)  # type: ignore[attr-defined]


def build(config: Mapping[str, Any], folder: Path | None = None, known: KnownData | None = None) -> Run:
    """Data module → network → task → trainer, each checked before the next is built; config: plain and checked.

    known: the data that a run which goes on began with; its split is kept, and InputError says what is not as it was.
    """
    loggers = build_loggers(config["logger"], folder) if folder else []  # first: what is missing is told at once
    data = build_data_module(config, known.splits if known else None)
    if known:
        known.check(data.dataset.records, data.store.contents, config["data"].get("changed", "refuse"))
    check_limits(config, data)
    network = instantiate(config["model"], in_channels=data.statistics.channels, classes=data.outputs)
    check_network(config, network)
    taken = take_over(network, config["init"], config) if config["init"] else []
    frozen = freeze(network, config["freeze"], taken if config["init"] else None)
    data.fit_geometry(network.geometry)
    precision = choose_precision(config["trainer"]["precision"], config["trainer"]["accelerator"], network)
    identity = identify(config, data, network.geometry.to_dict(), precision)
    check_identity(identity)  # or no verb could read its checkpoints
    task = task_of_config(config, network, identity, taken)
    task.frozen = frozen
    task.validates_objects = scores_objects(config, data)
    task.training_forward = training_forward(config, network, data)
    return Run(data, task, build_trainer(config["trainer"], precision, folder, config["ema"], loggers))


def scores_objects(config: Mapping[str, Any], data: DataModule) -> bool:
    """Whether a callback looks at scores of objects in the validation; InputError where no object is labelled."""
    callbacks = config["trainer"]["callbacks"]
    found = [name for name, node in callbacks.items() if str(node.get("monitor", "")).startswith(OBJECTS)]
    if found and all(data.store[record].instances is None for record in data.dataset.split("val")):
        raise InputError(
            f"trainer.callbacks.{found[0]}.monitor={callbacks[found[0]]['monitor']}: the validation images have "
            f"classes and no objects; set trainer.callbacks.{found[0]}.monitor=val/pooled/dice/foreground"
        )
    return bool(found)


def check_network(config: Mapping[str, Any], network: Network) -> None:
    """InputError for a network that lacks what is asked of it, for one of volumes, and for one `tiling` can't serve."""
    lacking = [name for name in CONTRACT if not hasattr(network, name)]
    if lacking:
        raise InputError(
            f"model: a {type(network).__name__} lacks {', '.join(lacking)}, see unet_lightning/model/network.py; "
            f"model=any model.network._target_={config['model']['_target_']} measures them"
        )
    if isinstance(getattr(network, "head", None), nn.Conv3d):
        raise InputError(
            "model.stages.kernels have three axes, and networks of volumes aren't trained: slices are, by kernels and "
            "strides of two axes, such as those of plan=nnunet"
        )
    tile = sides_of(config["tile"])
    GRIDS[config["tiling"]](tile, [cast(Geometry, network.geometry)], tile)


def task_of_config(
    config: Mapping[str, Any], network: Network, identity: dict[str, Any], taken: Sequence[nn.Parameter] = ()
) -> SegmentationTask:
    """The network with its loss, its optimizer, and the way it predicts; taken: parameters with a rate of their own."""
    loss, optimizer, schedule = (instantiate(config[key]) for key in ("loss", "optimizer", "schedule"))
    objective = Objective(loss, lowered(fused(optimizer, identity["precision"]), taken, config["init_lr"]), schedule)
    parts = (instantiate(config[key]) for key in ("tta", "postprocess", "target"))
    return assemble(network, objective, Inference(config["tile"], config["tiling"], *parts), identity)


def assemble(
    network: Network, objective: Objective, inference: Inference, identity: dict[str, Any]
) -> SegmentationTask:
    """The task of its parts, once the optimizer has taken the network's parameters; InputError where it refuses."""
    task = SegmentationTask(network, objective, inference, identity)
    task.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    try:
        objective.optimizer(task.parameters())
    except ValueError as error:  # a range that only the optimizer knows
        raise InputError(f"optimizer: {error}; correct optimizer.…") from None
    return task


def identify(config: Mapping[str, Any], data: DataModule, geometry: dict[str, Any], precision: str) -> dict[str, Any]:
    """A checkpoint's description of itself, as dictionaries, lists, numbers and text."""
    return {
        "format": FORMAT,
        "config": dict(config),
        "config_hash": config_hash(config),
        "statistics": data.statistics.to_dict(),
        "classes": list(data.dataset.classes),
        "colors": [list(color) for color in data.dataset.colors],
        "background": data.dataset.background,
        "geometry": geometry,
        "split_hash": split_hash(data.dataset.records),
        "precision": precision,
        "versions": versions(),
    }
