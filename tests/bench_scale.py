"""How cost grows with the data, a part of `make bench`: `python -m tests.bench_scale`.

With --write the figures of docs/scale.md are written too: docs/scale/figures.json and a chart for each axis. Each point
is a process of its own: processor seconds on one thread, and MiB by which its memory rose at most.
"""

import argparse
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from math import nan
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import zarr
from torch.utils.data import DataLoader, Dataset

from tests.bench_data import resident
from tests.small import QUIET, TINY_NETWORK, config, write_untrained
from unet_lightning.config.instantiate import instantiate
from unet_lightning.data.synthetic import _cells
from unet_lightning.label import LabelEncoding
from unet_lightning.metric.instance import errors, summary
from unet_lightning.metric.overlap import overlaps
from unet_lightning.page.chart import curves
from unet_lightning.pipeline import build as pipeline_build
from unet_lightning.pipeline.cache.entry import measure
from unet_lightning.pipeline.cache.store import Store
from unet_lightning.pipeline.find import find_dataset
from unet_lightning.pipeline.inspect import inspect_all
from unet_lightning.pipeline.sampler import Draw, EpochSampler
from unet_lightning.record import DataSet, Record
from unet_lightning.runtime.files import write_atomic
from unet_lightning.runtime.memory import peak, reset_peak
from unet_lightning.sample import Sample, to_sample
from unet_lightning.tiling.predict import predict_tiled
from unet_lightning.training.build import build
from unet_lightning.weight.border import border_term

PLACE = Path(__file__).parents[1] / "docs" / "scale"
MIB = 2**20
RECORDS, SIDE, SOURCES = 100_000, 512, 10
PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=sys.stderr)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss)
"""
CHARTS = {  # lines; what the axis of seconds is in, and of what
    "images": (("images",), 1e3, True),
    "pixels": (("pixels, inspected", "pixels, predicted"), 1e6, True),
    "classes": (("classes",), 1, False),
    "objects": (("objects",), 1, False),
}
SCORES = {
    "images": "processor ms an image, up to the first step",
    "pixels": "processor µs a pixel",
    "classes": "processor s a training step of 4 crops",
    "objects": "processor s a picture of 1024x1024",
}
Figures = dict[str, dict[str, list[float]]]  # of each axis: sizes, seconds, MiB


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


def images() -> Figures:
    """Pictures of 64x64: from the found records to the gradient of the first batch."""
    with tempfile.TemporaryDirectory() as name:
        plain = link(Path(name, "set"), 3000, 64)
        dataset = find_dataset(plain)
        return {"images": measured((100, 300, 1000, 3000), lambda n: partial(first_step, plain, first(dataset, n)))}


def pixels() -> Figures:
    """One picture: inspected, and predicted by the default network."""
    network = instantiate(config()["model"], in_channels=1, classes=2).eval().to(memory_format=torch.channels_last)

    def inspecting(number: int) -> None:
        side = round(number**0.5)
        image = np.random.default_rng(0).integers(0, 255, (side, side, 1)).astype(np.uint8)
        measure(to_sample(image, LabelEncoding(classes=2), (image[..., 0] > 200).astype(np.uint8)), 2)

    def predicting(number: int) -> None:
        side = round(number**0.5)
        with torch.inference_mode():
            predict_tiled(network, torch.zeros(1, side, side))

    sizes = (256**2, 512**2, 1024**2, 2048**2)
    works = {"pixels, inspected": inspecting, "pixels, predicted": predicting}
    return {name: measured(sizes, lambda n, work=work: partial(work, n)) for name, work in works.items()}


def classes() -> Figures:
    """A training step of the default network on four crops of 128x128, forward and backward."""

    def step(number: int) -> None:
        network = instantiate(config()["model"], in_channels=1, classes=number).to(memory_format=torch.channels_last)
        mask = torch.randint(number, (4, 128, 128))
        instantiate(config()["loss"])(network(torch.zeros(4, 1, 128, 128)), mask, torch.ones(4, 128, 128)).backward()

    return {"classes": measured((2, 8, 32, 128), lambda n: partial(step, n))}


def objects() -> Figures:
    """One picture of 1024x1024: the border map of its touching cells, and all object scores."""

    def work(cells: Any) -> None:
        border_term(cells, 10, 5)
        found = overlaps(cells, np.roll(cells, 3, 1))
        summary([found])
        errors(found)

    drawn = {n: _cells(np.random.default_rng(0), (1024, 1024), n) for n in (50, 500, 5000)}
    work(drawn[50][:64, :64])  # compiles
    return {"objects": measured(tuple(drawn), lambda n: partial(work, drawn[n]))}


def measured(sizes: tuple[int, ...], work: Callable[[int], Callable[[], object]]) -> dict[str, list[float]]:
    """Seconds and MiB at each size."""
    found = [point(work(size)) for size in sizes]
    seconds, mib = ([float(f"{value:.3g}") for value in column] for column in zip(*found, strict=True))
    return {"sizes": [*map(float, sizes)], "seconds": seconds, "MiB": mib}


def many_records() -> dict[str, float]:
    """100,000 records of 512x512, whose files are links to ten pictures; of 1,000 the files are read."""
    found = {}
    with tempfile.TemporaryDirectory() as name:
        plain = link(Path(name, "set"), RECORDS, SIDE)
        root = Path(name, "set")
        before = children()
        command = [sys.executable, "train.py", "data=folder", f"data.root={root}", "--cfg", "job"]
        subprocess.run(command, cwd=PLACE.parents[1], check=True, capture_output=True)
        found["composed, s"] = children() - before
        found["found, s"], found["found, MiB"] = point(lambda: find_dataset(plain))
        dataset = find_dataset(plain)
        found |= {f"epoch order of 5 processes, {what}": value for what, value in epoch(dataset).items()}
        some = first(dataset, 1000)
        seconds, mib = point(lambda: inspect_all(Store(some, instantiate(plain["normalize"]), 0)))
        found |= {"inspected, ms a record": seconds, "inspected, KiB a record": mib * 1.024}
        few = first(dataset, 100)
        start = point(lambda: inspect_all(Store(few, instantiate(plain["normalize"]), 0)))[0]
        found["first step beyond inspecting, s"] = point(lambda: first_step(plain, few))[0] - start
    return {name: float(f"{value:.3g}") for name, value in found.items()}


def epoch(dataset: DataSet) -> dict[str, float]:
    """Seconds to draw an order of 8 crops a record; MiB of the main process and of four workers that see all."""
    repeats = 8
    sampler = EpochSampler(len(dataset.records), repeats, seed=0)
    seconds, mib = point(lambda: next(iter(sampler)))
    once = EpochSampler(len(dataset.records), 1, seed=0, batch_size=100)
    before = resident(os.getpid())[0]
    loader = iter(DataLoader(Point(dataset.records), sampler=once, batch_size=100, num_workers=4))
    started = 0.0
    for number, _ in enumerate(loader):
        started = started or resident(os.getpid())[0]
        if number == len(once) // 100 - 5:  # the workers are still there
            ended = resident(os.getpid())[0]
    return {"s": seconds, "MiB": mib, "workers, MiB": 1024 * (started - before), "seen, MiB": 1024 * (ended - started)}


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
        for height, width in ((1024, 1024), (1024, 10_000), (8192, 10_000), (1024, 100_000)):
            path = Path(name, f"{height}x{width}.zarr")
            array = zarr.create_array(path, shape=(height, width), chunks=(1024, 1024), dtype="uint8")
            for top in range(0, height, 1024):
                array[top : top + 1024] = np.tile(block, (1, -(-width // 1024)))[:, :width]
            typed = ["predict", str(checkpoint), str(path), "--output", str(Path(name, "out"))]
            code = f"import sys; sys.argv[1:] = {typed}; from unet_lightning.cli import main; main()"
            text = subprocess.run(
                [sys.executable, "-c", PEAK, sys.executable, "-c", code], check=True, capture_output=True, text=True
            )
            seconds, kib = map(float, text.stdout.split())
            rows.append([height, width, float(f"{seconds:.3g}"), float(f"{kib / 1024:.3g}")])
    return {"rows": rows}


def draw(figures: Figures) -> dict[str, str]:
    """A chart of each axis as SVG, by the name of its file: seconds over the size; a flat line is linear cost."""
    found = {}
    for name, (titles, unit, per) in CHARTS.items():
        lines = {}
        for title in titles:
            axis = figures[title]
            values = [s * unit / (n if per else 1) for n, s in zip(axis["sizes"], axis["seconds"], strict=True)]
            lines[title] = [(n, v, nan, nan) for n, v in zip(axis["sizes"], values, strict=True)]
        found[f"{name}.svg"] = curves(lines, name, SCORES[name])
    return found


def table(figures: Figures) -> str:
    """A Markdown table: seconds and MiB at each size."""
    lines = ["| | size | processor s | MiB |", "|---|---:|---:|---:|"]
    for title, axis in figures.items():
        rows = zip(axis["sizes"], axis["seconds"], axis["MiB"], strict=True)
        lines += [f"| {title} | {size:,.0f} | {seconds:g} | {mib:g} |" for size, seconds, mib in rows]
    return "\n".join(lines)


def growth() -> Figures:
    """The figures of every axis."""
    return {**images(), **pixels(), **classes(), **objects()}


def main() -> None:
    """Measure and print; with --write the figures of docs/scale.md, which the text beside them must then agree with."""
    rules = argparse.ArgumentParser(description=main.__doc__)
    rules.add_argument("--write", action="store_true")
    write = rules.parse_args().write
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    found: dict[str, Any] = {}
    for part in (growth, many_records, strips):
        start = time.perf_counter()
        found[part.__name__] = part()
        print(json.dumps(found[part.__name__], indent=1), f"  ({time.perf_counter() - start:.0f} s)", flush=True)
    if write:
        PLACE.mkdir(exist_ok=True)
        write_atomic(PLACE / "figures.json", (json.dumps(found, indent=1) + "\n").encode())
        for name, drawing in draw(found["growth"]).items():
            write_atomic(PLACE / name, (drawing + "\n").encode())


if __name__ == "__main__":
    main()
