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

from unet_lightning import memory, origin, report
from unet_lightning.build import build, processes
from unet_lightning.callback.resume import POINTS
from unet_lightning.checkpoint import load_weights
from unet_lightning.companions import companions
from unet_lightning.environment import outside, rank
from unet_lightning.error import Interrupted
from unet_lightning.failure import explain
from unet_lightning.folder import again
from unet_lightning.folder import start as begin
from unet_lightning.metric import instance
from unet_lightning.part import check, flat, plain_config
from unet_lightning.predictor import load
from unet_lightning.processes import leave
from unet_lightning.stop import Stop, requeue

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
    quieten()
    plain = plain_config(config)
    check(plain)
    with Stop() as stop:
        start = begin(folder, plain)
        if start.results is not None:
            return start.results
        number = processes(plain["trainer"])
        try:
            with companions(0 if outside() or rank() else number - 1, folder) as others:
                try:
                    return _train(config, folder, start.checkpoint, stop, (list(overrides), dict(choices or {})))
                except Interrupted as interrupted:
                    _interrupted(folder, interrupted.signum)
                    raise
                except Exception as error:
                    explained = explain(error, folder, others.loss, number > 1)
                    if explained is None:
                        raise
                    raise explained from error
        finally:
            leave()  # after the others have ended: it must not wait for one that hangs


def _train(
    config: DictConfig, folder: Path, checkpoint: Path | None, stop: Stop, typed: tuple[list[str], dict[str, str]]
) -> dict[str, Any]:
    started = time.time()
    memory.forget()
    torch.set_float32_matmul_precision("high")
    L.seed_everything(config.seed, workers=True, verbose=False)
    run = build(config, folder)
    first = run.trainer.is_global_zero
    if run.resume:
        run.resume.stop = stop
    if first:
        report.write_split(folder, run.data.dataset)
        report.write_json(folder, {"status": "running"})
        log.info(report.account(run.data, run.task, run.trainer.precision))
    run.trainer.fit(run.task, run.data, ckpt_path=checkpoint, weights_only=True)
    best = _best(run.trainer)
    results: dict[str, Any] = {
        "overrides": typed[0],
        "choices": typed[1],
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
        if first and split in run.task.confusions:
            results[split] = report.scores(run.task.confusions[split], run.data, split)
    if not first:
        return results
    if "test" in results and run.task.objects:
        results["test"]["objects"] = instance.summary(list(run.task.objects.values()))
    results["seconds"] = round(run.resume.seconds if run.resume else time.time() - started, 1)
    results |= {"memory": memory.peak(), "machine": origin.machine(), "commit": origin.commit()}
    log_choices(run.trainer, run.task.identity["config"], results)
    report.write(folder, results, run.data, run.task)
    return results


def _best(trainer: L.Trainer) -> str:
    """The checkpoint that was best on the validation split, or of the last step where that came before a validation."""
    callback: Any = trainer.checkpoint_callback
    if callback is None or callback.best_model_path:
        return "" if callback is None else str(callback.best_model_path)
    path = str(Path(callback.dirpath) / f"{callback.filename}.ckpt")
    trainer.save_checkpoint(path)
    return path


def _interrupted(folder: Path, signum: int) -> None:
    """Say how to go on, and let SLURM do so."""
    if rank() != 0:
        return
    report.write_json(folder, {"status": "interrupted"})
    points = sorted(folder.glob(POINTS))
    kept = f"{points[-1]} is kept" if points else "there was nothing to keep yet"
    log.warning(f"stopped: {kept}. To go on, {again(folder)}")
    requeue(signum)


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
    values = {k: v for k, v in values.items() if isinstance(v, bool | int | float | str) and "._" not in k}
    values |= {f"data.{key}": plain["data"][key] for key in ("crop", "batch_size", "ridge")}
    values["trainer.max_epochs"] = plain["trainer"]["max_epochs"]
    trainer.logger.log_hyperparams(values | parts | results["choices"] | {"seed": plain["seed"]}, scores)
    trainer.logger.experiment.flush()  # before the run counts as finished


def quieten() -> None:
    """Leave out what Lightning says twice or advertises; its warnings stay."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", "`isinstance\\(treespec, LeafSpec\\)` is deprecated")
    warnings.filterwarnings("ignore", ".*does not have many workers.*")
    warnings.filterwarnings("ignore", ".*checkpoints exists and is not empty.*")  # a run that goes on
    warnings.filterwarnings("ignore", "The `srun` command is available")  # it need not be used
    warnings.filterwarnings("ignore", ".*sync_dist=True.*")  # what is logged is the same in every process already
    warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides")  # of 1x1 kernels, channels last
