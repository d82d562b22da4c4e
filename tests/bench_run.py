"""Where the processor time of a training run goes, a part of `make bench`: `python -m tests.bench_run OVERRIDE…`.

Runs EPOCHS of its epochs on one thread and multiplies what is done in each by the epochs of the config.
"""

import gc
import resource
import sys
import tempfile
import time
from collections import defaultdict
from math import ceil
from pathlib import Path

import torch
from lightning.pytorch.profilers import Profiler

from tests.small import config
from unet_lightning.training.build import build
from unet_lightning.training.quiet import quieten
from unet_lightning.training.report import write_report
from unet_lightning.training.score import score

EPOCHS = 1
PANELS = "panels"
PARTS = {  # the first that an action's name contains; an action without one belongs to what it is a part of
    ".backward": "backward",
    ".training_step": "forward and loss",
    "optimizer_step": "optimizer",
    "optimizer_zero_grad": "optimizer",
    "save_checkpoint": "checkpoints",
    "ModelCheckpoint": "checkpoints",
    "validation_step": "validation",
    "val_next": "validation",
    "SegmentationTask.on_validation_epoch_end": "validation",
    "train_dataloader_next": "taking batches",
    "batch_to_device": "taking batches",
    "[Callback]Panels": PANELS,
    "[Callback]": "other callbacks and curves",
}


class Shares(Profiler):
    """Processor seconds of the main process in each part from the first batch on, without those of parts inside it."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: dict[str, float] = defaultdict(float)
        self.running = ["Lightning"]
        self.since = self.first = 0.0

    def start(self, action_name: str) -> None:
        """The part of an action begins, or goes on within the one around it."""
        self._count()
        if action_name == "run_training_batch":
            self.first = self.first or self.since
        self.running.append(next((part for word, part in PARTS.items() if word in action_name), self.running[-1]))

    def stop(self, action_name: str) -> None:
        """The one around it goes on."""
        self._count()
        self.running.pop()

    def _count(self) -> None:
        now = time.process_time()
        if self.first:
            self.seconds[self.running[-1]] += now - self.since
        self.since = now


def shares(*overrides: str) -> None:
    """Print a table: processor seconds of each part of a run of all epochs, and their share."""
    trainer = config(*overrides)["trainer"]
    planned = trainer["max_epochs"]
    with tempfile.TemporaryDirectory() as folder:
        run = build(
            config(*overrides, f"trainer.max_epochs={EPOCHS}", "trainer.enable_progress_bar=false"), Path(folder)
        )
        run.trainer.profiler = profiler = Shares()
        run.trainer.fit(run.task, run.data)
        fitted, steps, found = time.process_time(), run.trainer.global_step * planned // EPOCHS, dict(profiler.seconds)
        results = {"overrides": list(overrides), "choices": {}, "tags": [], "seconds": 0.0, **score(run)}
        write_report(Path(folder), results, run)
        ended = time.process_time()
        del run
        gc.collect()  # the loader's processes end with it
    found = {part: seconds * planned / EPOCHS for part, seconds in found.items()}
    if PANELS in found:  # the first validation has them
        found[PANELS] *= ceil(planned / trainer["callbacks"]["panels"]["every"]) / planned
    found |= {"start, imports included": profiler.first, "scores and report": ended - fitted}
    total = sum(found.values())
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"{planned} epochs, {steps} steps: {total:.0f} processor s in the main process, of which")
    for part, seconds in sorted(found.items(), key=lambda item: -item[1]):
        print(f"  {part:<26}{seconds:8.1f} s {100 * seconds / total:5.1f} %")
    print(f"  beside it, the loader's processes {(used.ru_utime + used.ru_stime) * planned / EPOCHS:.0f} s")


if __name__ == "__main__":
    torch.set_num_threads(1)
    quieten()
    shares(*sys.argv[1:])
