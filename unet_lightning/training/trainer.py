"""Lightning's trainer, its callbacks and its loggers."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import EMAWeightAveraging, ModelCheckpoint, RichProgressBar
from lightning.pytorch.loggers.logger import Logger
from lightning.pytorch.plugins.environments import LightningEnvironment  # type: ignore[attr-defined]

from unet_lightning.callback.cadence import reads_now
from unet_lightning.config.instantiate import instantiate
from unet_lightning.error import InputError
from unet_lightning.runtime.launch import external_launch
from unet_lightning.training.batch_norm import SyncBatchNormPlugin
from unet_lightning.training.checkpoint_io import AtomicCheckpointIO
from unet_lightning.training.ddp import EvaluationSafeDDP


def build_loggers(node: Mapping[str, Any], folder: Path) -> list[Logger]:
    """The loggers of a run; those of this package are told the run's folder. InputError for one that can't log."""
    made = [instantiate(logger) for logger in node.values()]
    return [logger(folder) if isinstance(logger, partial) else logger for logger in made]


def build_trainer(
    node: Mapping[str, Any], precision: str, folder: Path | None, ema: float, loggers: Sequence[Logger]
) -> L.Trainer:
    """Lightning's trainer with its callbacks and loggers, for a run in `folder`.

    ema: decay of the moving average of the weights that is scored and saved; 0 for the weights themselves.
    """
    callbacks = [instantiate(callback) for callback in node["callbacks"].values()]
    if node["enable_progress_bar"]:
        callbacks.append(progress_bar())
    if ema:
        callbacks.append(EMAWeightAveraging(decay=ema))  # last: whoever looks at a validation sees the average
    for callback in callbacks:
        if isinstance(callback, ModelCheckpoint) and folder:
            callback.dirpath = str(folder / "checkpoints")
    plain = {key: value for key, value in node.items() if key not in ("callbacks", "precision", "strategy")}
    strategy = node["strategy"]
    if strategy in ("auto", "ddp"):
        strategy = EvaluationSafeDDP() if count_processes(node) > 1 else "auto"
    trainer: L.Trainer = instantiate(
        plain,
        precision=precision,
        callbacks=callbacks,
        logger=list(loggers) or False,
        default_root_dir=str(folder or "."),
        strategy=strategy,
        plugins=plugins(node),
        use_distributed_sampler=False,
    )
    trainer._signal_connector.register_signal_handlers = lambda: None  # type: ignore[method-assign]  # ours
    return trainer


def progress_bar() -> RichProgressBar:
    """Lightning's, which reads the loss from the device no more often than the curves do."""
    bar = RichProgressBar(leave=False)
    read: Any = bar.get_metrics
    shown: dict[str, Any] = {}

    def seldom(trainer: L.Trainer, pl_module: L.LightningModule) -> dict[str, Any]:
        if not shown or not trainer.training or reads_now(trainer, pl_module.device):
            shown.update(read(trainer, pl_module))
        return shown

    bar.get_metrics = seldom  # type: ignore[method-assign]
    return bar


def plugins(node: Mapping[str, Any]) -> list[Any]:
    """Plugins: atomic checkpoint files, synchronised batch norm, and no start of processes by Lightning itself."""
    found: list[Any] = [AtomicCheckpointIO()]
    if node["sync_batchnorm"]:
        found.append(SyncBatchNormPlugin())
    if external_launch() is None:
        found.append(LightningEnvironment())
    return found


def count_processes(node: Mapping[str, Any]) -> int:
    """How many processes a trainer's node asks for; InputError where others were started."""
    devices, nodes = node["devices"], node["num_nodes"]
    if devices not in (1, "1"):
        probe = {key: node[key] for key in ("_target_", "accelerator", "devices")}
        quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
        devices = instantiate(probe, **quiet, enable_model_summary=False, plugins=[LightningEnvironment()]).num_devices
    wanted: int = int(devices) * nodes
    started = external_launch()
    if started and started.count != wanted:
        raise InputError(
            f"{started.count} processes were started for {wanted}; set trainer.devices to the processes of a machine "
            "and trainer.num_nodes to the machines"
        )
    if started is None and nodes > 1:
        raise InputError(f"trainer.num_nodes={nodes}: start the processes of several machines by torchrun or srun")
    return wanted
