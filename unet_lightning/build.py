"""Config to run: data set → statistics → network → data module → task → trainer, each checked before the next."""

import logging
import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import albumentations
import cv2
import lightning as L
import numpy as np
import torch
from lightning.pytorch.callbacks import EMAWeightAveraging, ModelCheckpoint, RichProgressBar
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.plugins.environments import LightningEnvironment  # type: ignore[attr-defined]
from omegaconf import DictConfig
from torch import nn

from unet_lightning import __version__
from unet_lightning.callback.resume import Resume
from unet_lightning.environment import outside
from unet_lightning.error import InputError
from unet_lightning.model.geometry import Geometry
from unet_lightning.part import PIPELINE, SHARED, SPLITTING, check, config_hash, make, plain_config
from unet_lightning.pipeline.module import DataModule
from unet_lightning.record import DataSet, Record, assign_splits, split_hash
from unet_lightning.strategy import Synchronise, Together, WholeFiles
from unet_lightning.task import SegmentationTask

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Run:
    """What a config builds."""

    data: DataModule
    task: SegmentationTask
    trainer: L.Trainer

    @property
    def resume(self) -> Resume | None:
        """What writes the run's checkpoints to go on from, unless it was taken out of the config."""
        return next((c for c in self.trainer.callbacks if isinstance(c, Resume)), None)  # type: ignore[attr-defined]


def build(config: DictConfig, folder: Path | None = None) -> Run:
    """Dataset → statistics → network → data module → task → trainer, each checked before the next is built."""
    plain = plain_config(config)
    check(plain)
    data = build_data(plain)
    classes, statistics = data.dataset.classes, data.statistics
    network = make(plain["model"], in_channels=statistics.channels, classes=len(classes))
    fit_crop(data, network.geometry)
    precision = choose_precision(plain["trainer"]["precision"], plain["trainer"]["accelerator"], network)
    identity = {
        "config": plain,
        "config_hash": config_hash(plain),
        "statistics": statistics.to_dict(),
        "classes": list(classes),
        "colors": [list(color) for color in data.dataset.colors],
        "background": data.dataset.background,
        "geometry": network.geometry.to_dict(),
        "split_hash": split_hash(data.dataset.records),
        "precision": precision,
        "versions": versions(),
    }
    parts = {key: make(plain[key]) for key in ("loss", "optimizer", "schedule", "postprocess", "tta")}
    task = SegmentationTask(network, **parts, tile=config.tile, identity=identity)
    task.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if config.compile:
        task.training_forward = torch.compile(network.forward)
    try:
        task.optimizer(task.parameters())
    except ValueError as error:  # a range that only the optimizer knows
        raise InputError(f"optimizer: {error}; correct optimizer.…") from None
    return Run(data, task, build_trainer(plain["trainer"], precision, folder, plain["ema"]))


def fit_crop(data: DataModule, geometry: Geometry) -> None:
    """Give the data module the network's margin, and round its crop up to an output the network can give."""
    data.margin = geometry.margin
    fitted = geometry.output_size(geometry.input_size(data.crop))
    assert fitted is not None
    if fitted != data.crop:
        log.info(f"crop      {fitted}, the smallest output of this network that covers data.crop={data.crop}")
    data.crop = fitted


def find_data(plain: Mapping[str, Any]) -> DataSet:
    """The records of a plain config with their splits; nothing is read yet, and what is wrong is among its findings."""
    source = {key: value for key, value in plain["data"].items() if key not in SHARED}
    found: DataSet = make(source)
    if not 2 <= len(found.classes) <= 256:
        raise InputError(f"data.classes names {len(found.classes)} classes; expected 2 to 256, background first")
    findings = list(found.findings)
    for what, names in (("data.classes", found.classes), ("ids of records", [r.id for r in found.records])):
        twice = [name for name, number in Counter(names).items() if number > 1]
        if twice:
            findings.append(f"{what} are not distinct: {', '.join(twice[:5])}; give each a name of its own")
    records, splitting = found.records, {key: plain["data"][key] for key in SPLITTING}
    try:
        records = assign_splits(found.records, plain["seed"], **splitting)
        log.info(f"split     {how_split(found.records, **splitting)}, written to split.csv")
    except InputError as error:
        findings.append(str(error))
    return replace(found, records=records, findings=tuple(findings), background=plain["data"]["background"])


def build_data(plain: Mapping[str, Any]) -> DataModule:
    """The data module of a plain config, every record read once."""
    dataset = find_data(plain)
    normalize, augment, weight = (make(plain[key]) for key in ("normalize", "augment", "weight"))
    pipeline = {key: plain["data"][key] for key in PIPELINE}
    return DataModule(dataset, normalize, (augment, weight), plain["seed"], **pipeline)


def how_split(records: Sequence[Record], fold: int | None, folds: int, train_images: int | None) -> str:
    """Where the splits come from, in words."""
    if train_images is not None:
        return f"{how_split(records, fold, folds, None)}; at most {train_images} training images"
    published = {record.split for record in records}
    if fold is not None:
        kept = ", test as given" if "test" in published else ""
        return f"fold {fold} of {folds}, by group{kept}"
    if published == {""}:
        return "none given: groups shared out 60/20/20 by a seeded hash"
    return "as the data set gives it" + (
        "" if "val" in published else ", val a fifth of the training groups by a seeded hash"
    )


def build_trainer(node: Mapping[str, Any], precision: str, folder: Path | None, ema: float) -> L.Trainer:
    """Lightning's trainer with its callbacks and a TensorBoard logger in the run's folder.

    ema: decay of the moving average of the weights that is scored and saved; 0 for the weights themselves.
    """
    callbacks = [make(callback) for callback in node["callbacks"].values()]
    if node["enable_progress_bar"]:
        callbacks.append(RichProgressBar(leave=False))
    if ema:
        callbacks.append(EMAWeightAveraging(decay=ema))  # last: whoever looks at a validation sees the average
    for callback in callbacks:
        if isinstance(callback, ModelCheckpoint) and folder:
            callback.dirpath = str(folder / "checkpoints")
    logger = TensorBoardLogger(str(folder), name="", version="", default_hp_metric=False) if folder else False
    plain = {key: value for key, value in node.items() if key not in ("callbacks", "precision", "strategy")}
    parts: dict[str, Any] = {
        "precision": precision,
        "callbacks": callbacks,
        "logger": logger,
        "default_root_dir": str(folder or "."),
    }
    parts |= {"strategy": node["strategy"], "plugins": plugins(node), "use_distributed_sampler": False}
    if node["strategy"] in ("auto", "ddp"):
        parts["strategy"] = Together() if processes(node) > 1 else "auto"
    trainer: L.Trainer = make(plain, **parts)
    trainer._signal_connector.register_signal_handlers = lambda: None  # type: ignore[method-assign]  # ours
    return trainer


def plugins(node: Mapping[str, Any]) -> list[Any]:
    """Whole checkpoint files, synchronised batch norm, and no other processes than those that were started."""
    found: list[Any] = [WholeFiles()]
    if node["sync_batchnorm"]:
        found.append(Synchronise())
    if outside() is None:
        found.append(LightningEnvironment())
    return found


def processes(node: Mapping[str, Any]) -> int:
    """How many processes a trainer's node asks for; InputError where others were started."""
    devices, nodes = node["devices"], node["num_nodes"]
    if devices not in (1, "1"):
        probe = {key: node[key] for key in ("_target_", "accelerator", "devices")}
        quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
        devices = make(probe, **quiet, enable_model_summary=False, plugins=[LightningEnvironment()]).num_devices
    wanted: int = int(devices) * nodes
    started = outside()
    if started and started[1] != wanted:
        raise InputError(
            f"{started[1]} processes were started for {wanted}; set trainer.devices to the processes of a machine and "
            "trainer.num_nodes to the machines"
        )
    if started is None and nodes > 1:
        raise InputError(f"trainer.num_nodes={nodes}: start the processes of several machines by torchrun or srun")
    return wanted


def choose_precision(wanted: str, accelerator: str, network: nn.Module) -> str:
    """`auto` is bf16 autocast where the processor or GPU multiplies bf16 in hardware, else float32.

    On a processor instance norm is much slower in bf16 than in float32, which it then gets.
    """
    if wanted != "auto":
        return wanted
    if accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available():
        return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "16-mixed"
    if accelerator in ("auto", "cpu") and not torch.backends.mps.is_available():
        hardware = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
        slow = any(isinstance(module, nn.InstanceNorm2d) for module in network.modules())
        return "bf16-mixed" if hardware and not slow else "32-true"
    return "32-true"


def versions() -> dict[str, str]:
    """What the numbers were made with."""
    modules = {"torch": torch, "lightning": L, "albumentations": albumentations, "numpy": np, "opencv": cv2}
    found = {name: str(module.__version__) for name, module in modules.items()}
    return {"unet-lightning": __version__, "python": platform.python_version()} | found
