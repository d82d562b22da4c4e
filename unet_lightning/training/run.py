"""A training run: build, fit, score, report."""

import logging
import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lightning as L
import torch

from unet_lightning.error import Interrupted
from unet_lightning.logger.base import recording
from unet_lightning.pipeline.known_data import KnownData, read_known, write_known
from unet_lightning.runtime.distributed import leaving_group
from unet_lightning.runtime.files import RESULTS, write_json
from unet_lightning.runtime.launch import external_launch, rank
from unet_lightning.runtime.lock import hold
from unet_lightning.runtime.memory import reset_peak
from unet_lightning.runtime.signals import SignalGuard
from unet_lightning.runtime.slurm import requeue
from unet_lightning.training.build import Run, build
from unet_lightning.training.checkpoint_io import Point
from unet_lightning.training.failure import explained
from unet_lightning.training.folder import last_point, prepare_folder, resume_hint
from unet_lightning.training.quiet import quieten
from unet_lightning.training.ranks import start_ranks
from unet_lightning.training.report import describe_run, tell_loggers, write_report
from unet_lightning.training.score import score
from unet_lightning.training.trainer import count_processes

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CommandLine:
    """The command line, to be stored with the results: the overrides, and the file that each key chose."""

    overrides: list[str] = field(default_factory=list)
    choices: dict[str, str] = field(default_factory=dict)


def train(config: Mapping[str, Any], folder: Path, typed: CommandLine | None = None) -> dict[str, Any]:
    """Train, keep the best checkpoint by the validation split, score it once on the test split, write the report.

    config: plain and checked, as `config.check.resolve` gives it. Writes into `folder`: checkpoints/, TensorBoard
    events, split.csv, results.json, report.md and pictures/. Returns what results.json holds. InputError for data that
    can't be trained on, for what breaks from outside, and where another process trains in `folder`.
    """
    quieten()
    with SignalGuard() as signals, nullcontext() if rank() else hold(folder):
        start = prepare_folder(folder, config)
        if start.results is not None:
            return start.results
        processes = count_processes(config["trainer"])
        with (
            leaving_group(),  # after the others have ended: it must not wait for one that hangs
            start_ranks(0 if external_launch() or rank() else processes - 1, folder) as others,
            explained(folder, others.failure, distributed=processes > 1),
        ):
            try:
                return _train(config, folder, start.point, signals, typed or CommandLine())
            except Interrupted as interrupted:
                _say_how_to_go_on(folder, interrupted.signum)
                raise


def _train(
    config: Mapping[str, Any], folder: Path, point: Point | None, signals: SignalGuard, typed: CommandLine
) -> dict[str, Any]:
    started = time.monotonic()
    reset_peak()
    run = _begin(config, folder, read_known(folder) if point else None, signals)
    run.trainer.strategy.checkpoint_io.point = point  # type: ignore[attr-defined]  # an AtomicCheckpointIO
    with recording(run.trainer):
        if run.trainer.is_global_zero:
            tell_loggers(run)
        run.trainer.fit(run.task, run.data, ckpt_path=point.path if point else None, weights_only=True)
        results = {"overrides": typed.overrides, "choices": typed.choices, "tags": config["tags"], **score(run)}
        if run.trainer.is_global_zero:
            results["seconds"] = round(run.resume.seconds if run.resume else time.monotonic() - started, 1)
            write_report(folder, results, run)
    return results


def _begin(config: Mapping[str, Any], folder: Path, known: KnownData | None, signals: SignalGuard) -> Run:
    """Build all parts, and say in the folder and on the terminal what is about to be trained."""
    torch.set_float32_matmul_precision("high")
    L.seed_everything(config["seed"], workers=True, verbose=False)
    run = build(config, folder, known)
    if run.resume:
        run.resume.signals = signals
    if run.trainer.is_global_zero:
        write_known(folder, run.data.dataset.records, run.data.store.contents, known)
        write_json(folder / RESULTS, {"status": "running"})
        log.info(describe_run(run.data, run.task, run.trainer.precision))
    return run


def _say_how_to_go_on(folder: Path, signum: int) -> None:
    """After a signal; SLURM is asked to go on by itself."""
    if rank() != 0:
        return
    write_json(folder / RESULTS, {"status": "interrupted"})
    point = last_point(folder)
    kept = f"{point} is kept" if point else "there was nothing to keep yet"
    log.warning(f"stopped: {kept}. To go on, {resume_hint(folder)}")
    requeue(signum)
