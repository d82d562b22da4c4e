"""Cores and memory that this process may use, in a container too."""

import os
import platform
import shutil
from math import ceil
from pathlib import Path

from unet_lightning.runtime.finding import Finding

CONTROL = Path("/sys/fs/cgroup")  # the limits of a container on Linux
SHARED = Path("/dev/shm")
MEMORY = 2 << 30  # bytes; a run of the defaults takes 1.2 GiB beside its loaders
BATCHES = 256 << 20  # bytes of shared memory, in which loaders hand over batches


def system() -> Finding:
    """Python and the operating system."""
    value = f"{platform.python_version()} on {platform.platform()}"
    if platform.system() == "Windows":
        problem = "runs lock their folders by what POSIX offers, and Windows doesn't"
        return Finding("python", value, problem, "wsl --install, and install it in there as on Linux", stops=True)
    return Finding("python", value)


def cores(threads: int | None) -> Finding:
    """The cores that may be used, and the threads that torch computes with (None: unknown)."""
    there, usable = os.cpu_count() or 1, usable_cores()
    value = f"{usable} of {there} usable"
    if threads is None:
        return Finding("cores", value)
    value += f"; torch computes with {threads} thread{'' if threads == 1 else 's'}"
    if threads > usable:
        problem = "more threads than cores wait for each other"
        return Finding("cores", value, problem, f"export OMP_NUM_THREADS={usable}")
    return Finding("cores", value)


def usable_cores() -> int:
    """As many as this process may run on, and a container's share of time allows; 1 at least."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota, _, period = _limit("cpu.max").partition(" ")
    return min(allowed, max(1, ceil(int(quota) / int(period)))) if quota.isdigit() and period.isdigit() else allowed


def memory() -> Finding:
    """Main memory, and what is free of it."""
    import psutil  # not above, as `doctor` must start where a package is absent

    found = psutil.virtual_memory()
    total, free = found.total, found.available
    limit, used = _limit("memory.max"), _limit("memory.current")
    if limit.isdigit() and used.isdigit():
        total, free = min(total, int(limit)), min(free, max(0, int(limit) - int(used)))
    value = f"{total / 2**30:.1f} GiB, {free / 2**30:.1f} free"
    if free < MEMORY:
        problem = f"a run of the defaults needs about {MEMORY >> 30} GiB, loaders included"
        return Finding("memory", value, problem, "data.num_workers=0 data.batch_size=4, or end other programs")
    return Finding("memory", value)


def shared_memory(workers: int) -> list[Finding]:
    """What loaders hand batches over in, where it is a file system of its own; a container has little by default."""
    if not SHARED.is_dir():
        return []
    size = shutil.disk_usage(SHARED).total
    value = f"{size / 2**30:.2f} GiB in {SHARED}"
    if workers and size < BATCHES:
        problem = "loaders hand batches over in it, and end with a bus error where it is full"
        return [Finding("shared", value, problem, "docker run --shm-size=2g …, or data.num_workers=0")]
    return [Finding("shared", value)]


def _limit(name: str) -> str:
    """What a file of the container's limits says; empty where there is none."""
    try:
        return (CONTROL / name).read_text(encoding="ascii").strip()
    except OSError:
        return ""
