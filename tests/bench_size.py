"""Data sets and images too large to train on for a figure, a part of `python -m tests.bench_scale`.

100,000 records whose files are links to a few pictures, and strips of a very wide Zarr array.
"""

import gc
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import zarr
from torch.utils.data import DataLoader, Dataset

from tests.bench_data import resident
from tests.small import QUIET, TINY_NETWORK, config, write_untrained
from unet_lightning.config.instantiate import instantiate
from unet_lightning.data.synthetic import _cells
from unet_lightning.pipeline import build as pipeline_build
from unet_lightning.pipeline.cache.store import Store
from unet_lightning.pipeline.find import find_dataset
from unet_lightning.pipeline.inspect import inspect_all
from unet_lightning.pipeline.sampler import Draw, EpochSampler
from unet_lightning.record import DataSet, Record
from unet_lightning.runtime.memory import peak, reset_peak
from unet_lightning.sample import Sample
from unet_lightning.training.build import build

ROOT = Path(__file__).parents[1]
RECORDS, SIDE, SOURCES = 100_000, 512, 10
MIB = 2**20
PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=sys.stderr)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss)
"""


class Point(Dataset[int]):
    """What a worker does to the records of an epoch: it looks at each."""

    def __init__(self, records: tuple[Record, ...]) -> None:
        self.records = records

    def __getitem__(self, draw: Draw) -> int:
        return len(self.records[draw.position].id)


def point(work: Callable[[], object]) -> tuple[float, float]:
    """Processor seconds of work in a process of its own, and MiB by which its memory rose at most."""
    end, other = multiprocessing.Pipe(duplex=False)

    def child() -> None:
        reset_peak()
        before, start = peak()["process"] or 0, time.process_time()
        work()
        other.send((time.process_time() - start, ((peak()["process"] or 0) - before) / MIB))

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    other.close()
    found: tuple[float, float] = end.recv()
    process.join()
    return found


def link(folder: Path, number: int, side: int) -> dict[str, Any]:
    """The config of a folder with `number` images and masks: links to a few pictures of cells."""
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
    for k in range(SOURCES):
        instances = _cells(np.random.default_rng(k), (side, side), 40)
        noise = np.random.default_rng(k).normal(60, 12, (side, side))
        cv2.imwrite(str(folder / f"image{k}.png"), (noise + 90 * (instances > 0)).clip(0, 255).astype(np.uint8))
        cv2.imwrite(str(folder / f"mask{k}.png"), (instances > 0).astype(np.uint8))
    for n in range(number):
        for kind in ("image", "mask"):
            os.link(folder / f"{kind}{n % SOURCES}.png", folder / f"{kind}s" / f"{n:06d}.png")
    return config("data=folder", f"data.root={folder}", *TINY_NETWORK, *QUIET)


def stamped(record: Record, read: Callable[[Record], Sample]) -> Sample:
    """The sample of a record with its number in the first pixels, so that linked pictures aren't copies."""
    sample = read(record)
    sample.image[0, :3, 0] = np.frombuffer(int(record.id).to_bytes(3, "big"), np.uint8)
    return sample


def first(dataset: DataSet, number: int) -> DataSet:
    """`number` of its records, evenly spread."""
    few = dataset.records[:: len(dataset.records) // number][:number]
    return replace(dataset, records=few, read=partial(stamped, read=dataset.read))


def first_step(plain: Mapping[str, Any], dataset: DataSet) -> None:
    """Build a run on a data set, and train on its first batch."""
    pipeline_build.find_dataset = lambda *_: dataset  # in this process alone
    run = build(plain)
    batch = next(iter(run.data.train_dataloader()))
    run.task.training_step(batch, 0).backward()


def many_records() -> dict[str, float]:
    """100,000 records of 512x512, whose files are links to ten pictures; of 1,000 the files are read."""
    found = {}
    with tempfile.TemporaryDirectory() as name:
        plain = link(Path(name, "set"), RECORDS, SIDE)
        root = Path(name, "set")
        before = children()
        command = [sys.executable, "train.py", "data=folder", f"data.root={root}", "--cfg", "job"]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        found["composed, s"] = children() - before
        found["found, s"], found["found, MiB"] = point(lambda: find_dataset(plain))
        dataset = find_dataset(plain)
        found |= epoch(dataset)
        many, few = first(dataset, 1000), first(dataset, 100)
        normalize = instantiate(plain["normalize"])
        start, seconds = (point(partial(inspect_all, Store(some, normalize, 0)))[0] for some in (few, many))
        found["inspected, ms a record"] = 1000 * (seconds - start) / 900
        inspect_all(Store(few, normalize, 0))  # what is loaded once
        found["inspected, KiB a record"] = (held(first(dataset, 200), normalize) - held(few, normalize)) / 100 / 1024
    return {name: float(f"{value:.3g}") for name, value in found.items()}


def held(dataset: DataSet, normalize: Any) -> int:
    """Bytes that are held of a set whose records were inspected and don't fit into memory."""
    tracemalloc.start()
    store = Store(dataset, normalize, 0)
    kept = inspect_all(store)
    gc.collect()
    found = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    del kept
    return found


def epoch(dataset: DataSet) -> dict[str, float]:
    """Seconds and MiB of an order of eight crops a record; MiB of four workers as they start and when all was seen."""
    seconds, mib = point(lambda: next(iter(EpochSampler(len(dataset.records), 8, seed=0))))
    once = EpochSampler(len(dataset.records), 1, seed=0, batch_size=100)
    before = resident(os.getpid())[0]
    loader = iter(DataLoader(Point(dataset.records), sampler=once, batch_size=100, num_workers=4))
    started = 0.0
    for number, _ in enumerate(loader):
        started = started or resident(os.getpid())[0]
        if number == len(once) // 100 - 5:  # the workers are still there
            ended = resident(os.getpid())[0]
    workers = {"four workers, MiB": 1024 * (started - before), "after an epoch, MiB more": 1024 * (ended - started)}
    return {"epoch order, s": seconds, "epoch order, MiB": mib, **workers}


def children() -> float:
    """Processor seconds of the processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def strips() -> dict[str, list[list[float]]]:
    """`predict` of Zarr arrays by a tiny network: height, width, processor seconds and the most MiB of the process."""
    rows = []
    block = np.random.default_rng(0).integers(0, 255, (1024, 1024)).astype(np.uint8)
    with tempfile.TemporaryDirectory() as name:
        checkpoint = write_untrained(Path(name, "run", "tiny.ckpt"))
        for height, width in ((1024, 1024), (1024, 10_000), (4096, 10_000), (1024, 100_000)):
            path = Path(name, f"{height}x{width}.zarr")
            array = zarr.create_array(path, shape=(height, width), chunks=(1024, 1024), dtype="uint8")
            for top in range(0, height, 1024):
                array[top : top + 1024] = np.tile(block, (1, -(-width // 1024)))[:, :width]
            typed = ["predict", str(checkpoint), str(path), "--output", str(Path(name, "out")), "tile=512"]
            code = f"import sys; sys.argv[1:] = {typed}; from unet_lightning.cli import main; main()"
            text = subprocess.run(
                [sys.executable, "-c", PEAK, sys.executable, "-c", code], check=True, capture_output=True, text=True
            )
            seconds, kib = map(float, text.stdout.split())
            rows.append([height, width, float(f"{seconds:.3g}"), float(f"{kib / 1024:.3g}")])
    return {"rows": rows}
