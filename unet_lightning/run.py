"""Config in, checkpoint out: train and report. `build` and `load` are what a program uses beside `train`."""

import logging
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from omegaconf import DictConfig

from unet_lightning import report
from unet_lightning.build import build
from unet_lightning.checkpoint import load_weights
from unet_lightning.metric import instance
from unet_lightning.part import check, plain_config
from unet_lightning.predictor import load

__all__ = ["build", "load", "train"]

log = logging.getLogger(__name__)
PARTS = ("augment", "fusion", "loss", "model", "normalize", "optimizer", "schedule", "upsample", "weight")


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
    if "test" in results and run.task.objects:
        results["test"]["objects"] = instance.summary(list(run.task.objects.values()))
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
