"""Config in, checkpoint out: compose, build, train, load."""

import hashlib
import json
import logging
import platform
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from hydra.utils import get_object, instantiate
from lightning.pytorch.callbacks import RichProgressBar
from lightning.pytorch.loggers import TensorBoardLogger
from numpy.typing import NDArray
from omegaconf import DictConfig, OmegaConf
from torch import Tensor, nn

from unet_lightning import report, signature
from unet_lightning.error import InputError
from unet_lightning.pipeline.dataset import normalised
from unet_lightning.pipeline.module import DataModule
from unet_lightning.record import DataSet, assign_splits, split_hash
from unet_lightning.task import CHECKPOINT_KEY, SegmentationTask
from unet_lightning.tiling import predict_tiled

log = logging.getLogger(__name__)
PIPELINE = ("crop", "crops_per_image", "foreground", "batch_size", "num_workers", "cache_gb")
SHOWN_VERSIONS = ("unet-lightning", "torch", "lightning", "albumentations", "numpy", "opencv-python-headless")


@dataclass(frozen=True)
class Run:
    """What a config builds."""

    data: DataModule
    task: SegmentationTask
    trainer: L.Trainer


def train(config: DictConfig, folder: Path, overrides: list[str] | None = None) -> dict[str, Any]:
    """Train, keep the best checkpoint by the validation split, score it once on the test split, write the report.

    Writes into `folder`: checkpoints/, TensorBoard events, split.csv, results.json, report.md and pictures/. Returns
    what results.json holds. InputError for a config or data that can't be trained on.
    """
    started = time.time()
    quieten()
    torch.set_float32_matmul_precision("high")
    L.seed_everything(config.seed, workers=True, verbose=False)
    run = build(config, folder)
    report.write_split(folder, run.data.dataset)
    report.write_json(folder, {"status": "running"})
    log.info(report.account(run.data, run.task.identity, run.trainer.precision))
    run.trainer.fit(run.task, run.data)
    best = getattr(run.trainer.checkpoint_callback, "best_model_path", "")
    results: dict[str, Any] = {"overrides": overrides or [], "tags": list(config.tags), "checkpoint": best}
    results |= {k: run.task.identity[k] for k in ("split_hash", "config_hash", "precision", "versions")}
    results |= {"parameters": sum(p.numel() for p in run.task.parameters()), "epochs": run.trainer.current_epoch}
    if best:
        load_weights(run.task, best)
    run.trainer.validate(run.task, run.data, verbose=False)
    results["val"] = report.scores(run.task.results["semantic"], run.data, "val")
    if run.data.dataset.split("test"):
        run.trainer.test(run.task, run.data, verbose=False)
        results["test"] = report.scores(run.task.results["semantic"], run.data, "test")
    results["seconds"] = round(time.time() - started, 1)
    report.write(folder, results, run.data, run.task)
    return results


def quieten() -> None:
    """Leave out what Lightning says twice or advertises; its warnings stay."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", "`isinstance\\(treespec, LeafSpec\\)` is deprecated")
    warnings.filterwarnings("ignore", ".*does not have many workers.*")


def build(config: DictConfig, folder: Path | None = None) -> Run:
    """Dataset → statistics → network → data module → task → trainer, each checked before the next is built."""
    plain = plain_config(config)
    check(plain)
    data = build_data(plain)
    classes, statistics = data.dataset.classes, data.statistics
    network = instantiate(config.model, in_channels=statistics.channels, classes=len(classes))
    data.margin = network.geometry.margin
    precision = choose_precision(plain["trainer"]["precision"], plain["trainer"]["accelerator"])
    identity = {
        "config": plain,
        "config_hash": config_hash(plain),
        "statistics": statistics.to_dict(),
        "classes": list(classes),
        "colors": [list(color) for color in data.dataset.colors],
        "geometry": network.geometry.to_dict(),
        "split_hash": split_hash(data.dataset.records),
        "precision": precision,
        "versions": {name: version(name) for name in SHOWN_VERSIONS} | {"python": platform.python_version()},
    }
    parts = {key: instantiate(config[key]) for key in ("loss", "optimizer", "schedule")}
    metrics = instantiate(config.metric, _convert_="all")
    task = SegmentationTask(network, **parts, metrics=metrics, tile=config.tile, identity=identity)
    task.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if config.compile:
        task.runnable = torch.compile(task.network)
    return Run(data, task, build_trainer(config.trainer, precision, folder))


def build_data(plain: Mapping[str, Any]) -> DataModule:
    """The data module of a plain config, every record read once."""
    source = {key: value for key, value in plain["data"].items() if key not in PIPELINE}
    found: DataSet = instantiate(source, _convert_="all")
    if not 2 <= len(found.classes) <= 256:
        raise InputError(f"data.classes names {len(found.classes)} classes; expected 2 to 256, background first")
    published = any(record.split for record in found.records)
    dataset = DataSet(assign_splits(found.records, plain["seed"]), found.classes, found.read)
    if not published:
        log.info("no published split: groups shared out 60/20/20 by a seeded hash, written to split.csv")
    normalize, augment, weight = (
        instantiate(plain[key], _convert_="all") for key in ("normalize", "augment", "weight")
    )
    pipeline = {key: plain["data"][key] for key in PIPELINE}
    return DataModule(dataset, normalize, (augment, weight), plain["seed"], **pipeline)


def build_trainer(config: DictConfig, precision: str, folder: Path | None) -> L.Trainer:
    """Lightning's trainer with its callbacks and a TensorBoard logger in the run's folder."""
    callbacks = list(instantiate(config.callbacks, _convert_="all").values())
    if config.enable_progress_bar:
        callbacks.append(RichProgressBar(leave=False))
    for callback in callbacks:
        if isinstance(callback, L.pytorch.callbacks.ModelCheckpoint) and folder:
            callback.dirpath = str(folder / "checkpoints")
    logger = TensorBoardLogger(str(folder), name="", version="", default_hp_metric=False) if folder else False
    plain = {key: value for key, value in config.items() if key not in ("callbacks", "precision")}
    parts = {"precision": precision, "callbacks": callbacks, "logger": logger, "default_root_dir": str(folder or ".")}
    return instantiate(plain, **parts, _convert_="all")  # type: ignore[no-any-return]


def choose_precision(wanted: str, accelerator: str) -> str:
    """`auto` is bf16 autocast where the processor or GPU multiplies bf16 in hardware, else float32."""
    if wanted != "auto":
        return wanted
    if accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available():
        return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "16-mixed"
    if accelerator in ("auto", "cpu") and not torch.backends.mps.is_available():
        hardware = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
        return "bf16-mixed" if hardware else "32-true"
    return "32-true"


def plain_config(config: DictConfig) -> dict[str, Any]:
    """Resolved built-in containers without Hydra's own node."""
    plain = OmegaConf.to_container(config, resolve=True, throw_on_missing=False)
    assert isinstance(plain, dict)
    plain.pop("hydra", None)
    return {str(key): value for key, value in plain.items()}


def config_hash(plain: Mapping[str, Any]) -> str:
    """12 hex digits of the resolved config, the same on every machine."""
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:12]


def check(plain: Mapping[str, Any]) -> None:
    """InputError with every key of the config that its part doesn't know, whose value is out of range, or missing."""
    found = signature.findings(DataModule, {k: plain["data"][k] for k in PIPELINE}, "data")
    found += _findings({k: v for k, v in plain["data"].items() if k not in PIPELINE}, "data")
    for key, node in plain.items():
        if key != "data":
            found += _findings(node, key)
    if plain["tile"] < 1:
        found.append(f"tile={plain['tile']}: input should be greater than or equal to 1")
    if found:
        raise InputError("\n".join(dict.fromkeys(found)))


def _findings(node: Any, key: str) -> list[str]:
    if not isinstance(node, Mapping):
        return [f"{key} is missing: set {key}=…"] if node == "???" else []
    found = []
    if "_target_" in node:
        arguments = {k: v for k, v in node.items() if not k.startswith("_") and v != "???"}
        if arguments.get("precision") == "auto":  # ours, not Lightning's
            del arguments["precision"]
        found += signature.findings(locate(node["_target_"], key), arguments, key)
    return found + [line for name, child in node.items() for line in _findings(child, f"{key}.{name}")]


def locate(target: str, key: str) -> Callable[..., Any]:
    """The class or function a `_target_` names."""
    try:
        found: Callable[..., Any] = get_object(target)
    except Exception as error:  # whatever the module raises while it is imported
        raise InputError(f"{key}._target_={target}: {error}") from None
    return found


def load_weights(task: SegmentationTask, checkpoint: str) -> None:
    """The parameters of a checkpoint into a task of the same config."""
    content = torch.load(checkpoint, map_location=task.device, weights_only=True)
    task.load_state_dict(content["state_dict"])


@dataclass(frozen=True)
class Predictor:
    """A trained network with what it needs to be used on native images."""

    network: nn.Module
    normalize: Callable[[NDArray[Any]], tuple[NDArray[np.float32], NDArray[np.float32]]]
    classes: tuple[str, ...]
    identity: dict[str, Any]

    def logits(self, image: NDArray[Any]) -> Tensor:
        """(H, W, C) as read from a file to (K, H, W) float32, as validation computed them."""
        channels = self.identity["statistics"]["channels"]
        if image.ndim != 3 or image.shape[2] != channels:
            raise InputError(f"image of shape {image.shape}; expected (H, W, {channels}) as in training")
        device = next(self.network.parameters()).device
        half = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}.get(self.identity["precision"])
        array = normalised(image, *self.normalize(image)).to(device)
        with torch.autocast(device.type, half or torch.bfloat16, enabled=half is not None):
            return predict_tiled(self.network, array, self.identity["config"]["tile"])

    def predict(self, image: NDArray[Any]) -> NDArray[np.uint8]:
        """(H, W, C) as read from a file to (H, W) class ids."""
        ids: NDArray[np.uint8] = self.logits(image).argmax(0).cpu().numpy().astype(np.uint8)
        return ids


def load(checkpoint: str | Path, device: str = "cpu") -> Predictor:
    """A checkpoint's network and normalisation, ready to predict; nothing else in it is built, nothing unpickled."""
    content = torch.load(checkpoint, map_location=device, weights_only=True)
    identity = content[CHECKPOINT_KEY]
    config = identity["config"]
    network = instantiate(
        config["model"], in_channels=identity["statistics"]["channels"], classes=len(identity["classes"])
    )
    prefix = "network."
    network.load_state_dict({k[len(prefix) :]: v for k, v in content["state_dict"].items() if k.startswith(prefix)})
    network = network.to(device, memory_format=torch.channels_last).eval()
    return Predictor(network, instantiate(config["normalize"]), tuple(identity["classes"]), identity)
