"""Many inputs, one after the other: the next is read and the last one written while the network works."""

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from unet_lightning.label import Color
from unet_lightning.normalize.percentile import percentiles
from unet_lightning.page.picture import displayable, labels_over, outlines_over
from unet_lightning.prediction.collector import PageObjects
from unet_lightning.prediction.job import Job, reason
from unet_lightning.prediction.output import Output
from unet_lightning.prediction.predictor import Predictor
from unet_lightning.prediction.requirements import BAND
from unet_lightning.runtime.prefetch import prefetch

log = logging.getLogger(__name__)


def run(predictor: Predictor, jobs: Sequence[Job], broken: dict[Path, str]) -> None:
    """Do the jobs: the next picture is read and the last one written while the network works."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, transient=True) as progress, ThreadPoolExecutor(1) as writer:
        task = progress.add_task("megapixels", total=sum(job.source.shape[0] * job.pixels for job in jobs) // 10**6)
        written: Future[Any] = writer.submit(int)  # nothing yet
        for job, output, page, image in prefetch(_pages(jobs, predictor)):
            try:
                if isinstance(image, Exception):
                    raise image
                if job.source.path in broken:
                    continue
                classes, arrays = score(predictor, image, output, page, job.measured)
                image = image if "overlay" in arrays or job.measured else None  # a large one makes room for the objects
                divide(predictor, classes, arrays, job, output, page, image)
                if "overlay" in arrays:
                    draw(image, classes, arrays.get("instances"), arrays["overlay"], predictor.colors)
            except Exception as error:  # readers raise all kinds; the other inputs are done all the same
                broken.setdefault(job.source.path, reason(error))
                written.result()
                _clear(job, output)
                continue
            written.result()
            written = writer.submit(_save, job, output, arrays, page, broken)
            del image, classes, arrays  # only the writer needs these while the next page is scored
            progress.advance(task, job.pixels / 10**6)
        written.result()
    for collector in {id(one): one for job in jobs for one in job.collectors}.values():
        collector.close()


def _pages(jobs: Sequence[Job], predictor: Predictor) -> Iterator[tuple[Job, Output, int, Any]]:
    """Every page of every job, decoded; in its place the error that came up."""
    for job in jobs:
        classes = dict(zip(predictor.classes, predictor.colors, strict=True))
        output = Output(job.paths, job.source, classes, job.place)
        for page in range(job.source.shape[0]):
            yield job, output, page, _read(job, output, page)  # kept by no name here, so that the memory is soon free


def _read(job: Job, output: Output, page: int) -> Any:
    try:
        if page == 0:
            output.begin()
        return job.source.page(page)
    except Exception as error:  # whatever a reader raises for a broken file
        return error


def score(
    predictor: Predictor, image: Any, output: Output, page: int, measured: bool = False
) -> tuple[Any, dict[str, Any]]:
    """Ids of a page (H, W) for the post-processing, and its output arrays by kind, of which these and probabilities are
    filled.

    measured: whether the array `foreground` is wanted too, the probability of not being background.
    """
    wanted = {kind: output.blank(kind, page) for kind in (*output.paths, *(("foreground",) if measured else ()))}
    classes = wanted["classes"] if "classes" in wanted else output.blank("classes", page)
    for (top, left, bottom, right), outputs in predictor.pieces(image, predictor.scale_of(output.source.pixel_size)):
        classes[top:bottom, left:right] = predictor.target.ids(outputs).numpy()
        if wanted.keys() & {"probabilities", "foreground"}:
            probabilities = predictor.class_logits(outputs).softmax(0).numpy()
        if "probabilities" in wanted:
            wanted["probabilities"][:, top:bottom, left:right] = probabilities
        if "foreground" in wanted:
            wanted["foreground"][top:bottom, left:right] = probabilities[1:].sum(0)
    return classes, wanted


def divide(
    predictor: Predictor, classes: Any, wanted: dict[str, Any], job: Job, output: Output, page: int, image: Any = None
) -> None:
    """Fill the objects of a page, where they are wanted, and change its ids (H, W) into class ids.

    image: the page, where the collectors of the job measure.
    """
    postprocess = predictor.postprocess
    rows = max(1, (BAND if output.source.lazy else BAND // 16) // classes.shape[1])
    bands = [slice(top, top + rows) for top in range(0, classes.shape[0], rows)]
    if "instances" not in wanted and not job.collectors and not postprocess.masks:
        for here in bands if postprocess.says_more else ():
            classes[here] = postprocess.class_ids(classes[here])
        return
    objects = wanted["instances"] if "instances" in wanted else output.blank("instances", page)
    kinds = postprocess.write(classes, objects, rows)
    for here in bands if postprocess.masks or postprocess.says_more else ():
        masks = postprocess.masks
        classes[here] = postprocess.class_mask(objects[here], kinds) if masks else postprocess.class_ids(classes[here])
    before = output.largest if output.source.volume else 0  # numbers go on from slice to slice
    if job.collectors:
        given = (objects, before + 1, kinds[1:], predictor.classes, image, wanted.get("foreground"))
        found = PageObjects(job.name, output.source, page, *given)
        for collector in job.collectors:
            if page == 0:
                collector.drop(job.name)  # what an interrupted call left of it
            collector.take(found)
    if before:
        objects[objects > 0] += before
    output.largest = max(output.largest, before + len(kinds) - 1)


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
        for kind in output.paths:
            output.save(kind, page, arrays[kind])
        if page == job.source.shape[0] - 1:
            output.finish()
            for collector in job.collectors:
                collector.keep(job.name)
    except Exception as error:  # a full disk, or tags no writer takes
        why = getattr(error, "strerror", None) or repr(error)
        broken[job.source.path] = f"{job.source.path}: {why}; make room or choose another --output"
        _clear(job, output)


def _clear(job: Job, output: Output) -> None:
    """Take away what isn't whole, where it can be reached."""
    for collector in job.collectors:
        collector.drop(job.name)
    with suppress(OSError):
        output.discard()
