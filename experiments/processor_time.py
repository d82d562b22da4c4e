"""A training run whose minutes are processor seconds, which other work on the machine doesn't change.

    OMP_NUM_THREADS=1 python -m experiments.processor_time plan=auto plan.minutes=6 run=race/nuclei

trains once on one thread of the CPU, without loader processes. The deadline, the plan and its trial count processor
seconds of this process, imports left out, and curve.json in the run's folder holds the scores of each validation with
the seconds it had taken by then.
"""

import json
import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import lightning as L
import torch
from lightning.pytorch.trainer.states import TrainerFn

from unet_lightning import cli
from unet_lightning.callback import deadline
from unet_lightning.plan import auto, trial
from unet_lightning.runtime.files import write_json

CURVE = "curve.json"
FIXED = ("trainer.accelerator=cpu", "data.num_workers=0", "trainer.enable_progress_bar=false")


def processor_seconds() -> float:
    """Processor seconds of this process and of the children that it has waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


class Curve(L.Callback):
    """Writes the scores of every validation with the processor seconds taken by then. began: when counting starts."""

    def __init__(self, began: float) -> None:
        self.began = began
        self.points: list[dict[str, Any]] = []

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Keep the scores of a validation during training."""
        if trainer.state.fn is TrainerFn.FITTING and not trainer.sanity_checking:
            scores = {name: float(value) for name, value in trainer.callback_metrics.items() if name.startswith("val/")}
            self.points.append({"seconds": self._seconds(), "step": trainer.global_step, "scores": scores})
            self._write(trainer)

    def on_test_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Keep how long all of it took; what follows is the report."""
        self._write(trainer)

    def _seconds(self) -> float:
        return round(processor_seconds() - self.began, 1)

    def _write(self, trainer: L.Trainer) -> None:
        content = {"seconds": self._seconds(), "points": self.points}
        write_json(Path(trainer.default_root_dir, CURVE), content)


def train(overrides: Sequence[str]) -> None:
    """Train once by these overrides, in this process; SystemExit with 0 where the run is finished."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    for module, name in ((deadline, "monotonic"), (auto, "perf_counter"), (trial, "perf_counter")):
        setattr(module, name, processor_seconds)
    curve = f"+trainer.callbacks.curve={{_target_:{__name__}.Curve,began:{processor_seconds():.3f}}}"
    sys.argv = ["unet-lightning", "train", *FIXED, *overrides, curve]
    cli.main()


def read_curve(folder: Path) -> dict[str, Any]:
    """Of the run in a folder: `seconds` of all of it; `points`, each with `seconds`, `step` and `scores`."""
    return dict(json.loads((folder / CURVE).read_text(encoding="utf-8")))


if __name__ == "__main__":
    from experiments import processor_time  # by its own name, as the config will find it

    processor_time.train(sys.argv[1:])
