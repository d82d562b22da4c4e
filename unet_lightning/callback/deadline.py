"""Leaves out epochs at the end of a run that would take longer than it may."""

import json
import logging
from collections.abc import Callable, Sequence
from functools import partial
from math import floor
from pathlib import Path
from time import monotonic
from typing import Annotated, Any

import lightning as L
from annotated_types import Ge, Gt
from lightning.pytorch.trainer.states import TrainerFn
from torch.optim.lr_scheduler import LambdaLR

from unet_lightning.runtime.distributed import max_over_processes
from unet_lightning.runtime.files import write_json

log = logging.getLogger(__name__)
STORED = "deadline.json"
Cut = tuple[int, int]  # the optimizer step after which a run was shortened, and its epochs from then on


class Deadline(L.Callback):
    """Shortens the run after a validation when the epochs that are left, the last scores and `reserve` seconds for what
    follows them would end later than `minutes` after it began; None is no limit. The learning rate then passes through
    what is left of its schedule in the steps that are left.

    Each shortening is written to deadline.json in the run's folder before it takes effect. A run that goes on repeats
    those that are written, and so ends with the same weights, however fast it is the second time.
    """

    def __init__(self, minutes: Annotated[float, Gt(0)] | None, reserve: Annotated[float, Ge(0)]) -> None:
        self.minutes, self.reserve = minutes, reserve
        self.started = monotonic()
        self.lasted: list[float] = []  # seconds of each epoch of this process, its validation included
        self.epoch_began = self.validation_began = 0.0
        self.cuts: list[Cut] = []
        self.epochs = 0  # as planned
        self.factors: list[Callable[[Any], float]] = []  # of the schedule as planned

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Repeat the shortenings of an interrupted run."""
        if self.minutes is None:
            return
        self.epochs = planned_epochs(trainer)
        schedule = pl_module.lr_schedulers()
        self.factors = [*schedule.lr_lambdas] if isinstance(schedule, LambdaLR) else []
        self.cuts = [tuple(cut) for cut in self._read(trainer)]
        self._apply(trainer, pl_module)
        self.epoch_began = monotonic()

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start the clock of the validation."""
        self.validation_began = monotonic()

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Shorten the run if it would end too late."""
        if self.minutes is None or trainer.state.fn is not TrainerFn.FITTING or trainer.sanity_checking:
            return
        now, step, done = monotonic(), trainer.global_step, trainer.current_epoch + 1
        every = trainer.check_val_every_n_epoch or 1
        self.lasted.append((now - self.epoch_began) / every)
        self.epoch_began = now
        if not any(step <= after for after, _ in self.cuts):
            left = 60 * self.minutes - (now - self.started) - self._end(trainer, pl_module, now - self.validation_began)
            planned = self.cuts[-1][1] if self.cuts else self.epochs
            possible = epochs_possible(self.lasted, left, planned - done, every)
            epochs = max_over_processes([done + possible * trainer.is_global_zero], trainer.strategy.root_device)[0]
            if epochs < planned:
                self._shorten(trainer, (step, epochs), planned)
        self._apply(trainer, pl_module)

    def state_dict(self) -> dict[str, Any]:
        """The time the run has taken."""
        return {"seconds": monotonic() - self.started}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Add the time taken before the interruption."""
        self.started -= state_dict["seconds"]

    def _end(self, trainer: L.Trainer, pl_module: Any, validation: float) -> float:
        """Seconds that scores and report take after training; validation: of the validation split, seconds."""
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        images = {split: len(data.dataset.split(split)) for split in ("val", "test")}
        tuned = pl_module.identity["config"]["tune"]
        scored = images["val"] * (2 if tuned else 1) + images["test"]
        return self.reserve + validation / max(1, images["val"]) * scored

    def _shorten(self, trainer: L.Trainer, cut: Cut, planned: int) -> None:
        self.cuts.append(cut)
        if trainer.is_global_zero:
            content = {"minutes": self.minutes, "epochs": self.epochs, "cuts": self.cuts}
            write_json(Path(trainer.default_root_dir, STORED), content)
            log.info(f"deadline  {cut[1]} epochs instead of {planned}, to end in {self.minutes:g} minutes")

    def _read(self, trainer: L.Trainer) -> list[Any]:
        """The shortenings of this run as it is planned; none of a plan of another length, or of an unreadable file."""
        path = Path(trainer.default_root_dir, STORED)
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            same = (content["minutes"], content["epochs"]) == (self.minutes, self.epochs)
            return [(int(step), int(epochs)) for step, epochs in content["cuts"]] if same else []
        except FileNotFoundError:
            return []
        except (OSError, ValueError, LookupError, TypeError):
            log.warning(f"{path}: not what a run writes; it counts as absent: epochs may be left out at other steps")
            return []

    def _apply(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Let the shortenings up to this step take effect."""
        cuts = [cut for cut in self.cuts if cut[0] <= trainer.global_step]
        if not cuts:
            return
        per_epoch = steps_per_epoch(trainer)
        total = self.epochs * per_epoch
        ends = [(step, epochs * per_epoch) for step, epochs in cuts]
        trainer.fit_loop.max_epochs = cuts[-1][1]
        schedule = pl_module.lr_schedulers()
        if isinstance(schedule, LambdaLR):
            schedule.lr_lambdas = [partial(_shortened, factor, total, ends) for factor in self.factors]


def _shortened(factor: Callable[[Any], float], total: int, ends: Sequence[tuple[int, int]], step: int) -> float:
    """The factor of the learning rate at a step of a shortened run."""
    return factor(scheduled_step(step, total, ends))


def planned_epochs(trainer: L.Trainer) -> int:
    """The epochs of a run whose length is given in epochs, in steps, or in both."""
    epochs = trainer.max_epochs if trainer.max_epochs is not None else -1
    by_steps = -(-trainer.max_steps // steps_per_epoch(trainer)) if trainer.max_steps > 0 else epochs
    return min(epochs, by_steps) if epochs > 0 else by_steps


def steps_per_epoch(trainer: L.Trainer) -> int:
    """Optimizer steps of an epoch."""
    return -(-int(trainer.num_training_batches) // trainer.accumulate_grad_batches)


def epochs_possible(lasted: Sequence[float], left: float, planned: int, every: int) -> int:
    """How many of the `planned` epochs are kept to fit into `left` seconds, a multiple of `every`.

    lasted: seconds of the epochs until now. Of these the last ones tell, as many as half of those to come, so that in
    the end the run notices at once that the machine has become slower. What few epochs tell is doubted, since nothing
    that is left out comes back: after one epoch twice as many are kept as fit, after two one and a half times as many.

    >>> epochs_possible([10] * 10, left=55, planned=8, every=1), epochs_possible([10], 55, 20, 1)
    (5, 10)
    """
    recent = lasted[-max(1, planned // 2) :]
    fit = floor(max(0.0, left) / (sum(recent) / len(recent)))
    return min(planned, floor(fit * (1 + 1 / len(lasted)))) // every * every


def scheduled_step(step: int, total: int, ends: Sequence[tuple[int, int]]) -> float:
    """The step of the schedule of a run of `total` steps at which a shortened one stands.

    ends: after which step it was shortened, and to which length.

    >>> [scheduled_step(step, 100, [(50, 75)]) for step in (40, 50, 60, 75)]
    [40.0, 50.0, 70.0, 100.0]
    """
    start, stands, end = 0, 0.0, total
    for after, length in ends:
        if step <= after:
            break
        stands, start, end = stands + (after - start) * (total - stands) / (end - start), after, length
    return float(total) if end <= start else stands + (step - start) * (total - stands) / (end - start)
