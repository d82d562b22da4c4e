"""What a trial of a sweep costs before its first batch, a part of `make bench`: with the data read, and with it shared.

`python -m tests.bench_sweep OVERRIDE…`
"""

import contextlib
import io
import resource
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import torch

from tests.small import TINY_NETWORK, config
from unet_lightning.pipeline.cache.shared import shared
from unet_lightning.sweep.trial import run_trial
from unet_lightning.training.run import CommandLine
from unet_lightning.training.task import SegmentationTask

PAIRS = 2
SHORT = [*TINY_NETWORK, "trainer.max_steps=1", "trainer.accelerator=cpu", "trainer.enable_progress_bar=false"]


def used() -> float:
    """Processor seconds of this process and of those that it has started and that have ended."""
    found = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in found)


def trial(folder: Path, *overrides: str) -> tuple[float, float]:
    """Processor seconds of a trial of the bundled nuclei: up to its first batch, and in all."""
    first: list[float] = []
    plain = config(*SHORT, *overrides)
    SegmentationTask.on_train_batch_start = lambda *_: first.append(used())  # type: ignore[method-assign]
    start = used()
    with contextlib.redirect_stdout(io.StringIO()):
        run_trial(plain, folder, CommandLine())
    return first[0] - start, used() - start


def sweeping(*overrides: str) -> None:
    """Two trials in turns, of which the second shares what the first has read; one before them warms up."""
    found = []
    with tempfile.TemporaryDirectory() as name:
        trial(Path(name, "warm"), *overrides)
        for k in range(PAIRS):
            shared.end()
            found.append([trial(Path(name, f"{k}{which}"), *overrides) for which in ("first", "second")])
    shared.end()
    for n, what in enumerate(("reads the data", "shares it")):
        starts, whole = zip(*(pair[n] for pair in found), strict=True)
        print(
            f"a trial that {what}: {median(starts):.2f} processor s before its first batch (least {min(starts):.2f}), "
            f"{median(whole):.2f} in all (least {min(whole):.2f}): {3600 / median(whole):.0f} trials an hour"
        )


if __name__ == "__main__":
    started = time.perf_counter()
    torch.set_num_threads(1)
    sweeping(*sys.argv[1:])
    print(f"  ({time.perf_counter() - started:.0f} s)")
