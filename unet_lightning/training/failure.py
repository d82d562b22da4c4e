"""Failures from outside during training (disk, memory, other processes), as errors that say what to do."""

import errno
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from unet_lightning.error import InputError
from unet_lightning.training.folder import last_point, resume_hint

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
LOCKED = (errno.EROFS, errno.EACCES, errno.EPERM)
FROM_WORKER = "Caught InputError in DataLoader"  # and that process's traceback, whose last lines are the message
LOST = re.compile(r"gloo|nccl|connection (closed|reset)|broken pipe|peer|timed out|store", re.IGNORECASE)


@contextmanager
def explained(folder: Path, failure: Callable[[], str], distributed: bool) -> Iterator[None]:
    """Raise an InputError for failures from outside; exceptions from bugs in this package are passed on unchanged.

    failure: tells how another process of the run failed, or nothing. distributed: whether several processes train.
    """
    try:
        yield
    except Exception as error:
        reason = _reason(error, folder, failure, distributed)
        if reason is None:
            raise
        point = last_point(folder)
        rest = f"the last checkpoint, {point.name}, is whole" if point else "there is no checkpoint yet"
        raise InputError(f"{reason}. Then {resume_hint(folder)}: {rest}") from error


def _reason(error: Exception, folder: Path, failure: Callable[[], str], distributed: bool) -> str | None:
    text = str(error)
    if isinstance(error, InputError):
        return text.rpartition("InputError: ")[2].strip() if text.startswith(FROM_WORKER) else None
    if _loader_died(error):
        reason = (text or type(error).__name__).splitlines()[0]
        remedy = "most likely from lack of memory; lower data.num_workers or data.cache_gb"
        return f"a loader process died ({reason}), {remedy}"
    if isinstance(error, OSError):
        return _from_disk(error, folder)
    if distributed and isinstance(error, RuntimeError) and LOST.search(text):
        return failure() or f"another process of this run was lost ({text.splitlines()[0]}); see what it said"
    return None


def _loader_died(error: Exception) -> bool:
    """PyTorch says so itself, unless its reading of what the process left behind fails first."""
    if isinstance(error, RuntimeError):
        return "DataLoader worker" in str(error) or "shared memory" in str(error)
    return isinstance(error, ConnectionError | EOFError)


def _from_disk(error: OSError, folder: Path) -> str | None:
    where = error.filename or folder
    if error.errno in FULL:
        return f"no space left to write {where} ({error.strerror}); free some, or start elsewhere"
    if error.errno in LOCKED:
        return f"{where} can't be written ({error.strerror}); make it writable, or start elsewhere"
    if isinstance(error, FileNotFoundError):
        return f"{where} is gone; put it back"
    return f"{where}: {error.strerror or error}; see whether the disk or network drive is there"
