"""Folders that are written to: whether they can be, and how much room they have."""

import shutil
from pathlib import Path
from tempfile import TemporaryFile

from unet_lightning.runtime.finding import Finding

NEEDED = 100 << 20  # bytes that checkpoints, report and curves of a small run take
ROOM = 2 << 30  # bytes below which a longer run, or several, may fill the disk


def outputs(folder: Path) -> Finding:
    """The folder in which runs get theirs."""
    reason, free = writable(folder)
    value = f"{folder}, {free / 2**30:.1f} GiB free"
    if reason:
        return Finding("outputs", value, f"no run can be written there ({reason})", "cd FOLDER you can write", True)
    if free < ROOM:
        problem = "a run may fill the disk" if free >= NEEDED else "no run fits"
        return Finding("outputs", value, problem, "make room, or cd FOLDER on another disk", free < NEEDED)
    return Finding("outputs", value)


def cache(folder: Path | None, cache_gb: float) -> Finding:
    """The folder of decoded images (data.cache_dir), which only sets of more than cache_gb GiB need."""
    if folder is None:
        return Finding("cache", f"none; sets of more than {cache_gb:g} GiB are decoded again and again")
    reason, free = writable(folder)
    value = f"{folder}, {free / 2**30:.1f} GiB free"
    again = f"sets of more than {cache_gb:g} GiB are decoded again and again"
    if reason:
        return Finding("cache", value, f"it can't be written ({reason}): {again}", "data.cache_dir=FOLDER")
    if free < cache_gb * 2**30:
        return Finding("cache", value, f"{again} where they don't fit", "data.cache_dir=FOLDER on a disk with room")
    return Finding("cache", value)


def writable(folder: Path) -> tuple[str, int]:
    """Why a folder, or the one in which it would be made, can't be written (empty: it can), and its free bytes."""
    place = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(place).free
    try:
        with TemporaryFile(dir=place):
            return "", free
    except OSError as error:
        return error.strerror or type(error).__name__, free
