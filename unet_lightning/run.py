"""Config in, checkpoint out: compose, build, train, load."""

import hashlib
import inspect
import json
import logging
import pickle
import platform
import time
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import albumentations
import cv2
import lightning as L
import numpy as np
import torch
from hydra.errors import InstantiationException
from hydra.utils import get_object, instantiate
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import ModelCheckpoint, RichProgressBar
from lightning.pytorch.loggers import TensorBoardLogger
from numpy.typing import NDArray
from omegaconf import DictConfig, OmegaConf
from torch import Tensor, nn

from unet_lightning import __version__, report, signature
from unet_lightning.error import InputError
from unet_lightning.model.geometry import Geometry
from unet_lightning.normalize import Normalize
from unet_lightning.pipeline.dataset import normalised
from unet_lightning.pipeline.module import DataModule
from unet_lightning.record import DataSet, assign_splits, split_hash
from unet_lightning.task import CHECKPOINT_KEY, SegmentationTask
from unet_lightning.tiling import predict_tiled

log = logging.getLogger(__name__)
PARTS = ("augment", "fusion", "loss", "model", "normalize", "optimizer", "schedule", "upsample", "weight")
PIPELINE = ("crop", "crops_per_image", "foreground", "ridge", "batch_size", "num_workers", "cache_gb")


@dataclass(frozen=True)
class Run:
    """What a config builds."""

    data: DataModule
    task: SegmentationTask
    trainer: L.Trainer


def train(
    config: DictConfig, folder: Path, overrides: Sequence[str] = (), choices: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Train, keep the best checkpoint by the validation split, score it once on the test split, write the report.

    Writes into `folder`: checkpoints/, TensorBoard events, split.csv, results.json, report.md and pictures/. Returns
    what results.json holds. overrides, choices: what was typed, and which file each key chose, for the records.
    InputError for a config or data that can't be trained on.
    """
    started = time.time()
    quieten()
    check(plain_config(config))
    torch.set_float32_matmul_precision("high")
    L.seed_everything(config.seed, workers=True, verbose=False)
    run = build(config, folder)
    report.write_split(folder, run.data.dataset)
    report.write_json(folder, {"status": "running"})
    log.info(report.account(run.data, run.task, run.trainer.precision))
    run.trainer.fit(run.task, run.data)
    best = getattr(run.trainer.checkpoint_callback, "best_model_path", "")
    results: dict[str, Any] = {
        "overrides": list(overrides),
        "choices": dict(choices or {}),
        "tags": list(config.tags),
        "checkpoint": best,
    }
    results |= {k: run.task.identity[k] for k in ("split_hash", "config_hash", "precision", "versions")}
    results |= {"parameters": sum(p.numel() for p in run.task.parameters()), "epochs": run.trainer.current_epoch}
    if best:
        load_weights(run.task, best)
    for split, evaluate in (("val", run.trainer.validate), ("test", run.trainer.test)):
        run.task.confusions.pop(split, None)
        if run.data.dataset.split(split):
            evaluate(run.task, run.data, verbose=False)
        if split in run.task.confusions:
            results[split] = report.scores(run.task.confusions[split], run.data, split)
    results["seconds"] = round(time.time() - started, 1)
    log_choices(run.trainer, run.task.identity["config"], results)
    report.write(folder, results, run.data, run.task)
    return results


def log_choices(trainer: L.Trainer, plain: Mapping[str, Any], results: Mapping[str, Any]) -> None:
    """Every value of the config beside the final scores, for TensorBoard's HParams tab."""
    if not isinstance(trainer.logger, TensorBoardLogger):
        return
    scores = {
        f"final/{split}/{score}": results[split]["pooled"][score]["foreground"]
        for split in ("val", "test")
        for score in ("dice", "iou")
        if split in results
    }
    parts = {key: str(plain[key]["_target_"]).rsplit(".", 1)[-1] for key in PARTS}
    values = flat({key: plain[key] for key in ("model", "loss", "weight", "optimizer")})
    values |= {f"data.{key}": plain["data"][key] for key in ("crop", "batch_size", "ridge")}
    values["trainer.max_epochs"] = plain["trainer"]["max_epochs"]
    trainer.logger.log_hyperparams(values | parts | results["choices"] | {"seed": plain["seed"]}, scores)


def flat(node: Any, prefix: str = "") -> dict[str, Any]:
    """Numbers, words and switches of nested mappings under dotted names."""
    if not isinstance(node, Mapping):
        return {prefix: node} if isinstance(node, bool | int | float | str) else {}
    found: dict[str, Any] = {}
    for key, child in node.items():
        if not str(key).startswith("_"):
            found |= flat(child, f"{prefix}.{key}" if prefix else str(key))
    return found


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
    network = make(plain["model"], in_channels=statistics.channels, classes=len(classes))
    fit_crop(data, network.geometry)
    precision = choose_precision(plain["trainer"]["precision"], plain["trainer"]["accelerator"], network)
    identity = {
        "config": plain,
        "config_hash": config_hash(plain),
        "statistics": statistics.to_dict(),
        "classes": list(classes),
        "colors": [list(color) for color in data.dataset.colors],
        "geometry": network.geometry.to_dict(),
        "split_hash": split_hash(data.dataset.records),
        "precision": precision,
        "versions": versions(),
    }
    parts = {key: make(plain[key]) for key in ("loss", "optimizer", "schedule")}
    task = SegmentationTask(network, **parts, tile=config.tile, identity=identity)
    task.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if config.compile:
        task.training_forward = torch.compile(network.forward)
    try:
        task.optimizer(task.parameters())
    except ValueError as error:  # a range that only the optimizer knows
        raise InputError(f"optimizer: {error}; correct optimizer.…") from None
    return Run(data, task, build_trainer(plain["trainer"], precision, folder))


def fit_crop(data: DataModule, geometry: Geometry) -> None:
    """Give the data module the network's margin, and round its crop up to an output the network can give."""
    data.margin = geometry.margin
    fitted = geometry.output_size(geometry.input_size(data.crop))
    assert fitted is not None
    if fitted != data.crop:
        log.info(f"crop      {fitted}, the smallest output of this network that covers data.crop={data.crop}")
    data.crop = fitted


def make(node: Mapping[str, Any], **arguments: Any) -> Any:
    """What a config node describes; InputError with the reason where its part refuses the values."""
    try:
        return instantiate(node, **arguments, _convert_="all")
    except InstantiationException as error:
        cause = error.__cause__
        if isinstance(cause, InputError):
            raise cause from None
        if isinstance(cause, ValueError | TypeError | MisconfigurationException):
            raise InputError(f"{node['_target_']}: {cause}") from None
        raise


def build_data(plain: Mapping[str, Any]) -> DataModule:
    """The data module of a plain config, every record read once."""
    source = {key: value for key, value in plain["data"].items() if key not in PIPELINE}
    found: DataSet = make(source)
    if not 2 <= len(found.classes) <= 256:
        raise InputError(f"data.classes names {len(found.classes)} classes; expected 2 to 256, background first")
    findings = list(found.findings)
    for what, names in (("data.classes", found.classes), ("ids of records", [r.id for r in found.records])):
        twice = [name for name, number in Counter(names).items() if number > 1]
        if twice:
            findings.append(f"{what} are not distinct: {', '.join(twice[:5])}; give each a name of its own")
    published, records = any(record.split for record in found.records), found.records
    try:
        records = assign_splits(found.records, plain["seed"])
    except InputError as error:
        findings.append(str(error))
    dataset = replace(found, records=records, findings=tuple(findings))
    if not published:
        log.info("no published split: groups shared out 60/20/20 by a seeded hash, written to split.csv")
    normalize, augment, weight = (make(plain[key]) for key in ("normalize", "augment", "weight"))
    pipeline = {key: plain["data"][key] for key in PIPELINE}
    return DataModule(dataset, normalize, (augment, weight), plain["seed"], **pipeline)


def build_trainer(node: Mapping[str, Any], precision: str, folder: Path | None) -> L.Trainer:
    """Lightning's trainer with its callbacks and a TensorBoard logger in the run's folder."""
    callbacks = [make(callback) for callback in node["callbacks"].values()]
    if node["enable_progress_bar"]:
        callbacks.append(RichProgressBar(leave=False))
    for callback in callbacks:
        if isinstance(callback, ModelCheckpoint) and folder:
            callback.dirpath = str(folder / "checkpoints")
    logger = TensorBoardLogger(str(folder), name="", version="", default_hp_metric=False) if folder else False
    plain = {key: value for key, value in node.items() if key not in ("callbacks", "precision")}
    parts = {"precision": precision, "callbacks": callbacks, "logger": logger, "default_root_dir": str(folder or ".")}
    trainer: L.Trainer = make(plain, **parts)
    return trainer


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


def plain_config(config: DictConfig) -> dict[str, Any]:
    """Resolved built-in containers without Hydra's own node."""
    plain = OmegaConf.to_container(config, resolve=True, throw_on_missing=False)
    assert isinstance(plain, dict)
    plain.pop("hydra", None)
    return {str(key): value for key, value in plain.items()}


def config_hash(plain: Mapping[str, Any]) -> str:
    """12 hex digits of the resolved config."""
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:12]


def check(plain: Mapping[str, Any]) -> None:
    """InputError with every key of the config that its part doesn't know, whose value is out of range, or missing."""
    found = signature.findings(DataModule, {k: plain["data"][k] for k in PIPELINE}, "data")
    found += _findings({k: v for k, v in plain["data"].items() if k not in PIPELINE}, "data")
    for key, node in plain.items():
        if key != "data":
            found += _findings(node, key)
    for key, low, high in (("tile", 1, 2**20), ("seed", 0, 2**32 - 1)):
        if not low <= plain[key] <= high:
            found.append(f"{key}={plain[key]}: expected {low} to {high}")
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
    normalize: Normalize
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
    """A checkpoint's network and normalisation, ready to predict.

    Nothing is unpickled, and nothing is built but classes of this package and of torch.nn: InputError for a file that
    is not such a checkpoint.
    """
    try:
        content = torch.load(checkpoint, map_location=device, weights_only=True)
        identity = content[CHECKPOINT_KEY]
        config = identity["config"]
    except (KeyError, TypeError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"{checkpoint}: not a checkpoint of unet-lightning ({reason}); give checkpoints/best.ckpt"
        ) from None
    for key in ("model", "normalize"):
        check_targets(config[key], key)
    network = make(config["model"], in_channels=identity["statistics"]["channels"], classes=len(identity["classes"]))
    prefix = "network."
    network.load_state_dict({k[len(prefix) :]: v for k, v in content["state_dict"].items() if k.startswith(prefix)})
    network = network.to(device, memory_format=torch.channels_last).eval()
    normalize: Normalize = make(config["normalize"])
    normalize.fit(identity["statistics"])
    return Predictor(network, normalize, tuple(identity["classes"]), identity)


def check_targets(node: Any, key: str) -> None:
    """InputError unless every `_target_` below a node of a checkpoint is a class of this package or of torch.nn."""
    if isinstance(node, list):
        node = dict(enumerate(node))
    if not isinstance(node, Mapping):
        return
    for name, child in node.items():
        check_targets(child, f"{key}.{name}")
    target = node.get("_target_")
    if target is not None:
        trusted = isinstance(target, str) and target.startswith(("unet_lightning.", "torch.nn."))
        found = locate(target, key) if trusted else None
        if not inspect.isclass(found) or not found.__module__.startswith(("unet_lightning.", "torch.nn.")):
            raise InputError(f"{key}._target_={target} in the checkpoint is no class of unet_lightning or torch.nn")
