"""The memory and disk space that prediction needs."""

from collections.abc import Sequence
from pathlib import Path

import psutil

from unet_lightning.error import InputError
from unet_lightning.prediction.job import Job
from unet_lightning.prediction.predictor import Predictor

BAND = 1 << 24  # pixels that are post-processed at once
LIBRARIES = 700 << 20  # bytes that Python and its libraries take by themselves
MAPS = 8  # feature maps of the finest level that are held at once


def requirements(jobs: Sequence[Job], predictor: Predictor, folder: Path) -> str:
    """The memory and disk space that the jobs need, in one line; InputError where the machine doesn't have them."""
    classes = len(predictor.classes)
    disk = sum(job.source.shape[0] * job.pixels * job.bytes_per_pixel(classes) for job in jobs)
    memory = LIBRARIES + predictor.working_bytes(MAPS) + max(_page_memory(job, predictor) for job in jobs)
    largest = max(jobs, key=lambda job: job.pixels).source
    free_memory, free_disk = psutil.virtual_memory().available, psutil.disk_usage(str(folder)).free
    text = f"{len(jobs)} inputs, the largest {largest.shape[2]}x{largest.shape[1]}: about "
    text += f"{memory / 2**30:.1f} GiB of memory ({free_memory / 2**30:.1f} free) and at most "
    text += f"{disk / 2**30:.2f} GiB of disk ({free_disk / 2**30:.1f} free)"
    if predictor.device.type == "cpu" and memory > free_memory:
        raise InputError(f"{text}; set a smaller tile=, or store {largest.path} as Zarr, which is read in parts")
    if disk > free_disk:
        raise InputError(f"{text}; give an --output with more room")
    return text


def _page_memory(job: Job, predictor: Predictor) -> int:
    """Of a page and what is made of it; a lazy one stays on disk, a volume is held with its labels."""
    held = predictor.strip_bytes((job.source.shape[1], job.source.shape[2]))
    if not job.source.lazy:
        held += 2 * job.source.nbytes + job.pixels * (job.bytes_per_pixel(len(predictor.classes)) + 5)
    if job.source.volume:
        labels = {"classes": 1, "instances": 4}
        voxels = job.source.shape[0] * job.pixels
        held += voxels * (job.source.itemsize + sum(2 * size for kind, size in labels.items() if kind in job.paths))
    return held + 64 * BAND // 4
