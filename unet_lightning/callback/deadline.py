"""Leaves out steps at the end of a run that would take longer than it may, or that gains nothing any more."""

import json
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Annotated, Any

import lightning as L
from annotated_types import Ge, Gt
from lightning.pytorch.trainer.states import TrainerFn
from torch.optim.lr_scheduler import LambdaLR

from unet_lightning.callback.shortened import Period, shortened, steps_possible, without_gain
from unet_lightning.runtime.distributed import max_over_processes
from unet_lightning.runtime.files import write_json

log = logging.getLogger(__name__)
STORED = "deadline.json"
UNLIMITED = 10**9  # epochs
Cut = tuple[int, int]  # the optimizer step after which a run was shortened, and its steps in all from then on


class Deadline(L.Callback):
    """Shortens the run after a validation, for one of two reasons:

    - the steps that are left, the last scores and `reserve` seconds for what follows them would end later than
      `minutes` after the run began;
    - `patience` validations in a row brought no better score (that of the best checkpoint): as many epochs are left.

    The learning rate then passes through what is left of its schedule in the steps that are left. None is no limit.
    Each shortening is written to deadline.json in the run's folder before it takes effect. A run that goes on repeats
    those that are written, and so ends with the same weights, however fast it is the second time.
    """

    def __init__(
        self,
        minutes: Annotated[float, Gt(0)] | None,
        reserve: Annotated[float, Ge(0)],
        patience: Annotated[int, Ge(1)] | None,
    ) -> None:
        self.minutes, self.reserve, self.patience = minutes, reserve, patience
        self.started = monotonic()
        self.lasted: list[Period] = []  # of this process
        self.scores: list[float] = []  # of all validations
        self.period_began = self.validation_began = 0.0
        self.period_step = 0  # after which it began
        self.cuts: list[Cut] = []
        self.planned = self.per_epoch = 0  # steps
        self.factors: list[Callable[[Any], float]] = []  # of the schedule as planned

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Repeat the shortenings of an interrupted run."""
        self.per_epoch = -(-int(trainer.num_training_batches) // trainer.accumulate_grad_batches)
        self.planned = planned_epochs(trainer, self.per_epoch) * self.per_epoch
        schedule = pl_module.lr_schedulers()
        self.factors = [*schedule.lr_lambdas] if isinstance(schedule, LambdaLR) else []
        self.cuts = self._read(trainer)
        self._apply(trainer, pl_module)
        self.period_began, self.period_step = monotonic(), trainer.global_step

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Let a last epoch be a short one."""
        self._end_epoch(trainer)

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start the clock of the validation."""
        self.validation_began = monotonic()

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Shorten the run if it would end too late, or has gained nothing for long."""
        unlimited = self.minutes is None and self.patience is None
        if unlimited or trainer.state.fn is not TrainerFn.FITTING or trainer.sanity_checking:
            return
        self._note(trainer)
        self._score(trainer)
        step = trainer.global_step
        if not any(step <= after for after, _ in self.cuts):
            total = self.cuts[-1][1] if self.cuts else self.planned
            possible = min(total, self._in_time(trainer, pl_module, total), self._by_patience(trainer, total))
            steps = max_over_processes([possible * trainer.is_global_zero], trainer.strategy.root_device)[0]
            if steps < total:
                self._shorten(trainer, (step, steps), total)
        self._apply(trainer, pl_module)

    def state_dict(self) -> dict[str, Any]:
        """The time the run has taken, and its scores."""
        return {"seconds": monotonic() - self.started, "scores": self.scores}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Add the time taken before the interruption."""
        self.started -= state_dict["seconds"]
        self.scores = [*state_dict.get("scores", ())]

    def _note(self, trainer: L.Trainer) -> None:
        """What the period took."""
        now, steps = monotonic(), max(1, trainer.global_step - self.period_step)
        self.lasted.append(Period((self.validation_began - self.period_began) / steps, now - self.validation_began))
        self.period_began, self.period_step = now, trainer.global_step

    def _score(self, trainer: L.Trainer) -> None:
        """The score that the best checkpoint is chosen by."""
        best: Any = trainer.checkpoint_callback
        if best is not None and best.monitor in trainer.callback_metrics:
            self.scores.append(float(trainer.callback_metrics[best.monitor]))

    def _in_time(self, trainer: L.Trainer, pl_module: Any, total: int) -> int:
        """Steps of the whole run that fit into its time; pl_module: whose config says whether it tunes at the end."""
        if self.minutes is None:
            return total
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        images = {split: len(data.dataset.split(split)) for split in ("val", "test")}
        scored = images["val"] * (2 if pl_module.identity["config"]["tune"] else 1) + images["test"]
        end = self.reserve + self.lasted[-1].validation / max(1, images["val"]) * scored
        left = 60 * self.minutes - (monotonic() - self.started) - end
        every, done = trainer.check_val_every_n_epoch or 1, self._done(trainer)
        return done + steps_possible(self.lasted, left, total - done, every * self.per_epoch, every == 1)

    def _by_patience(self, trainer: L.Trainer, total: int) -> int:
        """Steps of the whole run if the last scores brought nothing."""
        best: Any = trainer.checkpoint_callback
        if self.patience is None or best is None or without_gain(self.scores, best.mode) < self.patience:
            return total
        every = trainer.check_val_every_n_epoch or 1
        return self._done(trainer) + self.patience * every * self.per_epoch

    def _done(self, trainer: L.Trainer) -> int:
        return (trainer.current_epoch + 1) * self.per_epoch

    def _shorten(self, trainer: L.Trainer, cut: Cut, total: int) -> None:
        self.cuts.append(cut)
        if trainer.is_global_zero:
            content = self._identity() | {"cuts": self.cuts}
            write_json(Path(trainer.default_root_dir, STORED), content)
            log.info(f"deadline  {cut[1]} steps instead of {total}")

    def _identity(self) -> dict[str, Any]:
        """What the shortenings were decided for."""
        return {"minutes": self.minutes, "patience": self.patience, "steps": self.planned}

    def _read(self, trainer: L.Trainer) -> list[Cut]:
        """The shortenings of this run as it is planned; none of a plan of another length, or of an unreadable file."""
        path = Path(trainer.default_root_dir, STORED)
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            same = self._identity() == {key: content.get(key) for key in self._identity()}
            return [(int(step), int(steps)) for step, steps in content["cuts"]] if same else []
        except FileNotFoundError:
            return []
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            log.warning(f"{path}: not what a run writes; it counts as absent: steps may be left out at other places")
            return []

    def _apply(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Let the shortenings up to this step take effect."""
        cuts = [cut for cut in self.cuts if cut[0] <= trainer.global_step]
        if not cuts:
            return
        trainer.fit_loop.max_epochs = -(-cuts[-1][1] // self.per_epoch)
        self._end_epoch(trainer)
        schedule = pl_module.lr_schedulers()
        if isinstance(schedule, LambdaLR):
            schedule.lr_lambdas = [partial(shortened, factor, self.planned, cuts) for factor in self.factors]

    def _end_epoch(self, trainer: L.Trainer) -> None:
        """Give the last epoch the batches that are left; Lightning has no other way than the sizes of its loop."""
        cuts = [cut for cut in self.cuts if cut[0] <= trainer.global_step]
        steps = cuts[-1][1] - trainer.current_epoch * self.per_epoch if cuts else self.per_epoch
        if not 0 < steps < self.per_epoch:
            return
        batches = steps * trainer.accumulate_grad_batches
        loop: Any = trainer.fit_loop
        loop._combined_loader.limits = [batches]
        loop.max_batches = trainer.val_check_batch = batches


def planned_epochs(trainer: L.Trainer, per_epoch: int) -> int:
    """The epochs of a run whose length is given in epochs, in steps, in both, or not at all."""
    by_epochs = trainer.max_epochs if trainer.max_epochs and trainer.max_epochs > 0 else UNLIMITED
    by_steps = -(-trainer.max_steps // per_epoch) if trainer.max_steps > 0 else UNLIMITED
    return min(by_epochs, by_steps)
