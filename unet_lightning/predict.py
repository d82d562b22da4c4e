"""`unet-lightning predict`: label files of any size with one checkpoint or an ensemble."""

import logging
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from unet_lightning.ahead import ahead
from unet_lightning.arguments import find_inputs, parse, parser
from unet_lightning.error import InputError
from unet_lightning.normalize.percentile import percentiles
from unet_lightning.output import DTYPES, Output, targets
from unet_lightning.picture import Color, displayable, labels_over, outlines_over
from unet_lightning.pipeline.source import Source, open_source
from unet_lightning.predictor import Predictor, load

log = logging.getLogger(__name__)
BAND = 1 << 24  # pixels that are looked at together after the network
LIBRARIES = 700 << 20  # bytes that Python and its libraries take by themselves
MAPS = 8  # feature maps of the finest level that are held at once
HELP = """Label images of any size.

  unet-lightning predict outputs/…/checkpoints/best.ckpt images/ --output labels
  unet-lightning predict fold0.ckpt fold1.ckpt 'scans/*.tif' --output labels tta=flips
  unet-lightning predict best.ckpt slide.zarr --output labels --instances postprocess=watershed

Several checkpoints are an ensemble. Inputs are files, folders, patterns, TIFF stacks and Zarr arrays. Outputs mirror
their names: NAME.png (or .tif, .zarr) holds class ids with the classes' colours. Overrides are composed over the
checkpoint's config: tile=, tta=none|flips|rotations, postprocess=none|components|watershed and its keys,
trainer.accelerator=, trainer.precision=. Memory is that of a tile; objects take
some fifty bytes each beside it, and a watershed that of the largest piece it may cut. An output that exists is kept;
what broke is listed at the end."""


@dataclass(frozen=True)
class Job:
    """An input, and what is to be written for it."""

    source: Source
    paths: dict[str, Path]


def main(arguments: list[str]) -> int:
    """Predict; 1 when an input is broken, 0 else."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    rules = parser("predict", HELP)
    rules.add_argument("files", nargs="+", metavar="CHECKPOINT… INPUT…")
    rules.add_argument("--output", required=True, type=Path, metavar="DIR", help="where the labels go")
    rules.add_argument("--probabilities", action="store_true", help="also of every class, float16 (K, H, W)")
    rules.add_argument("--instances", action="store_true", help="also objects, numbered 1, 2, …")
    rules.add_argument("--overlay", action="store_true", help="also labels over the picture, to look at")
    rules.add_argument("--overwrite", action="store_true", help="replace outputs that exist")
    rules.add_argument("--trust", action="append", default=[], metavar="PACKAGE", help="whose classes may be built")
    options, overrides = parse(rules, arguments)
    checkpoints = [name for name in options.files if name.endswith(".ckpt")]
    inputs = [name for name in options.files if not name.endswith(".ckpt")]
    if not checkpoints or not inputs:
        raise InputError("expected one CHECKPOINT or more, ending in .ckpt, and one INPUT or more")
    predictor = load(*checkpoints, overrides=overrides, trust=options.trust)
    kinds = ["classes", *(kind for kind in list(DTYPES)[1:] if getattr(options, kind))]
    broken: dict[Path, str] = {}
    jobs, kept = plan(find_inputs(inputs, options.output), options.output, kinds, predictor, options.overwrite, broken)
    options.output.mkdir(parents=True, exist_ok=True)
    if jobs:
        log.info(needs(jobs, predictor, options.output))
        run(predictor, jobs, broken)
    log.info(
        f"{len(jobs) - sum(job.source.path in broken for job in jobs)} labelled into {options.output}, "
        f"{kept} kept (--overwrite replaces them), {len(broken)} broken"
    )
    for path, reason in broken.items():
        print(f"error: {reason if str(path) in reason else f'{path}: {reason}'}", file=sys.stderr)
    return int(bool(broken))


def plan(
    files: dict[Path, Path],
    folder: Path,
    kinds: Sequence[str],
    predictor: Predictor,
    overwrite: bool,
    broken: dict[Path, str],
) -> tuple[list[Job], int]:
    """What is to be done, and how many inputs are done already; what can't be opened goes into `broken`."""
    jobs: list[Job] = []
    owners: dict[Path, Path] = {}
    kept = 0
    inputs = {path.resolve() for path in files}
    for path, name in files.items():
        name = name.with_suffix(".zarr") if path.is_dir() else name
        paths = targets(folder, name, kinds)
        for target in paths.values():
            if owners.setdefault(target, path) != path:
                raise InputError(f"{path} and {owners[target]} would both be written to {target}; predict one of them")
            if target.resolve() in inputs:
                raise InputError(f"{target} is an input; give another --output")
        missing = paths if overwrite else {kind: target for kind, target in paths.items() if not target.exists()}
        kept += not missing
        if missing:
            try:
                wanted = predictor.config["data"].get("channels")
                jobs.append(Job(open_source(path, predictor.channels, wanted), missing))
            except Exception as error:  # whatever a reader raises for a strange file
                broken[path] = str(error) if isinstance(error, InputError) else repr(error)
    return jobs, kept


def needs(jobs: Sequence[Job], predictor: Predictor, folder: Path) -> str:
    """What the jobs take, in a line; InputError where the machine doesn't have it."""
    disk = sum(job.source.shape[0] * _pixels(job) * _bytes_a_pixel(job, predictor) for job in jobs)
    pages = max(_memory(job, predictor) for job in jobs)
    memory = LIBRARIES + predictor.working_bytes(MAPS) + pages
    largest = max(jobs, key=_pixels).source
    free_memory, free_disk = psutil.virtual_memory().available, psutil.disk_usage(str(folder)).free
    text = f"{len(jobs)} inputs, the largest {largest.shape[2]}x{largest.shape[1]}: about "
    text += f"{memory / 2**30:.1f} GiB of memory ({free_memory / 2**30:.1f} free) and at most "
    text += f"{disk / 2**30:.2f} GiB of disk ({free_disk / 2**30:.1f} free)"
    if predictor.device.type == "cpu" and memory > free_memory:
        raise InputError(f"{text}; set a smaller tile=, or store {largest.path} as Zarr, which is read in parts")
    if disk > free_disk:
        raise InputError(f"{text}; give an --output with more room")
    return text


def _pixels(job: Job) -> int:
    return job.source.shape[1] * job.source.shape[2]


def _bytes_a_pixel(job: Job, predictor: Predictor) -> int:
    """Of what is written, not compressed."""
    sizes = {"classes": 1, "probabilities": 2 * len(predictor.classes), "instances": 4, "overlay": 3}
    return sum(sizes[kind] for kind in job.paths)


def _memory(job: Job, predictor: Predictor) -> int:
    """Of a page and what is made of it; a lazy one stays on disk."""
    held = 0 if job.source.lazy else 2 * job.source.nbytes + _pixels(job) * (_bytes_a_pixel(job, predictor) + 5)
    return held + 64 * BAND // 4


def run(predictor: Predictor, jobs: Sequence[Job], broken: dict[Path, str]) -> None:
    """Do the jobs: the next picture is read and the last one written while the network works."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, transient=True) as progress, ThreadPoolExecutor(1) as writer:
        task = progress.add_task("megapixels", total=sum(j.source.shape[0] * _pixels(j) for j in jobs) // 10**6)
        written: Future[None] | None = None
        done = 0
        for job, output, page, image in ahead(_pages(jobs, predictor)):
            try:
                if isinstance(image, Exception):
                    raise image
                if job.source.path in broken:
                    continue
                save = label(predictor, image, output, page)
            except Exception as error:  # readers raise all kinds; the other inputs are done all the same
                broken[job.source.path] = str(error) if isinstance(error, InputError) else repr(error)
                if written:
                    written.result()
                output.discard()
                continue
            if written:
                written.result()
            written = writer.submit(_save, job, output, save, page, broken)
            done += _pixels(job)
            progress.update(task, completed=done // 10**6)
        if written:
            written.result()


def _pages(jobs: Sequence[Job], predictor: Predictor) -> Iterator[tuple[Job, Output, int, Any]]:
    """Every page of every job, decoded; in its place the error that came up."""
    for job in jobs:
        output = Output(job.paths, job.source, predictor.colors)
        for page in range(job.source.shape[0]):
            image: Any
            try:
                if page == 0:
                    output.begin()
                image = job.source.page(page)
            except Exception as error:  # whatever a reader raises for a broken file
                image = error
            yield job, output, page, image


def label(predictor: Predictor, image: Any, output: Output, page: int) -> dict[str, Any]:
    """The arrays of a page, filled."""
    wanted = {kind: output.blank(kind, page) for kind in output.paths}
    classes = wanted["classes"] if "classes" in wanted else output.blank("classes", page)
    for (top, left, bottom, right), logits in predictor.pieces(image):
        classes[top:bottom, left:right] = logits.argmax(0).numpy()
        if "probabilities" in wanted:
            wanted["probabilities"][:, top:bottom, left:right] = logits.softmax(0).numpy()
    if "instances" in wanted or predictor.postprocess.masks:
        rows = max(1, BAND // image.shape[1])
        objects = wanted["instances"] if "instances" in wanted else output.blank("instances", page)
        kinds = predictor.postprocess.write(classes, objects, rows)
        output.largest = max(output.largest, len(kinds) - 1)
        if predictor.postprocess.masks:
            for top in range(0, image.shape[0], rows):
                classes[top : top + rows] = predictor.postprocess.masked(objects[top : top + rows], kinds)
    if "overlay" in wanted:
        draw(image, classes, wanted.get("instances"), wanted["overlay"], predictor.colors)
    return wanted


def draw(image: Any, classes: Any, objects: Any, overlay: Any, colors: Sequence[Color]) -> None:
    """Labels over the picture, objects outlined, band by band."""
    limits = percentiles(image, (1, 99.8))
    rows = max(1, BAND // 4 // image.shape[1])
    for top in range(0, image.shape[0], rows):
        here = slice(top, top + rows)
        shown = displayable(np.asarray(image[here]), (float(limits[0].min()), float(limits[1].max())))
        shown = labels_over(shown, np.asarray(classes[here]), colors, 0.35)
        overlay[here] = shown if objects is None else outlines_over(shown, np.asarray(objects[here]))


def _save(job: Job, output: Output, arrays: dict[str, Any], page: int, broken: dict[Path, str]) -> None:
    """Write a page, and after the last one give the files their names."""
    if job.source.path in broken:
        return
    try:
        for kind, array in arrays.items():
            output.save(kind, page, array)
        if page == job.source.shape[0] - 1:
            output.finish()
    except Exception as error:  # a full disk, or tags no writer takes
        broken[job.source.path] = f"{error!r}; make room or choose another --output"
        output.discard()
