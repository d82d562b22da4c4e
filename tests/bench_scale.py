"""How cost grows with the data, a part of `make bench`: `python -m tests.bench_scale`.

With --write the figures of docs/scale.md are written too: docs/scale/figures.json and a chart for each axis. Each point
is a process of its own: processor seconds on one thread, and MiB by which its memory rose at most.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from functools import partial
from math import nan
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from tests.bench_size import first, first_step, link, many_records, point, strips
from tests.small import config
from unet_lightning.config.instantiate import instantiate
from unet_lightning.data.synthetic import _cells
from unet_lightning.label import LabelEncoding
from unet_lightning.metric.instance import errors, summary
from unet_lightning.metric.overlap import overlaps
from unet_lightning.page.chart import curves
from unet_lightning.pipeline.cache.entry import measure
from unet_lightning.pipeline.find import find_dataset
from unet_lightning.runtime.files import write_atomic
from unet_lightning.sample import to_sample
from unet_lightning.tiling.predict import predict_tiled
from unet_lightning.weight.border import border_term

PLACE = Path(__file__).parents[1] / "docs" / "scale"
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


def draw(figures: Figures) -> dict[str, str]:
    """A chart of each axis as SVG, by the name of its file; a line of seconds a unit is flat where cost is linear."""
    found = {}
    for name, (titles, unit, per) in CHARTS.items():
        lines = {}
        for title in titles:
            axis = figures[title]
            values = [s * unit / (n if per else 1) for n, s in zip(axis["sizes"], axis["seconds"], strict=True)]
            places = [n**0.5 if name == "pixels" else n for n in axis["sizes"]]
            lines[title] = [(x, v, nan, nan) for x, v in zip(places, values, strict=True)]
        across = "side of the picture, pixels" if name == "pixels" else name
        found[f"{name}.svg"] = curves(lines, across, SCORES[name], zero=True)
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


def growing(write: bool = False, short: bool = False) -> None:
    """Measure and print; write: the figures of docs/scale.md too, which the text beside them must then agree with.

    short: without the 100,000 records and the wide arrays, which take minutes.
    """
    found: dict[str, Any] = {}
    for part in (growth,) if short else (growth, many_records, strips):
        start = time.perf_counter()
        found[part.__name__] = part()
        print(json.dumps(found[part.__name__], indent=1), f"  ({time.perf_counter() - start:.0f} s)", flush=True)
    if write:
        PLACE.mkdir(exist_ok=True)
        write_atomic(PLACE / "figures.json", (json.dumps(found, indent=1) + "\n").encode())
        for name, drawing in draw(found["growth"]).items():
            write_atomic(PLACE / name, (drawing + "\n").encode())


def main() -> None:
    """On one thread."""
    rules = argparse.ArgumentParser()
    rules.add_argument("--write", action="store_true", help="write the figures of docs/scale.md")
    rules.add_argument("--short", action="store_true", help="without what takes minutes, for `make bench`")
    asked = rules.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    growing(asked.write and not asked.short, asked.short)


if __name__ == "__main__":
    main()
