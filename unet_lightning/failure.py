"""What can break while a network trains, as an error that says what to do."""

import errno
import re
from collections.abc import Callable
from pathlib import Path

from unet_lightning.callback.resume import POINTS
from unet_lightning.error import InputError
from unet_lightning.folder import again

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
LOCKED = (errno.EROFS, errno.EACCES, errno.EPERM)
LOST = re.compile(r"gloo|nccl|connection (closed|reset)|broken pipe|peer|timed out|store", re.IGNORECASE)


def explain(error: Exception, folder: Path, lost: Callable[[], str], together: bool) -> InputError | None:
    """An InputError for what came from outside; None for a mistake of ours.

    lost: tells what is known of a lost process. together: whether several processes train.
    """
    what = _what(error, folder, lost, together)
    if what is None:
        return None
    points = sorted(folder.glob(POINTS))
    rest = f"the last checkpoint, {points[-1].name}, is whole" if points else "there is no checkpoint yet"
    return InputError(f"{what}. Then {again(folder)}: {rest}")


def _what(error: Exception, folder: Path, lost: Callable[[], str], together: bool) -> str | None:
    text = str(error)
    if isinstance(error, InputError):
        return _from_worker(text)
    if _loader_died(error):
        told = (text or type(error).__name__).splitlines()[0]
        remedy = "most likely for want of memory; lower data.num_workers or data.cache_gb"
        return f"a loader process died ({told}), {remedy}"
    if isinstance(error, OSError):
        return _from_disk(error, folder)
    if together and isinstance(error, RuntimeError) and LOST.search(text):
        return lost() or f"another process of this run was lost ({text.splitlines()[0]}); see what it said"
    return None


def _from_worker(text: str) -> str | None:
    """An InputError out of a loader process carries that process's traceback; its last lines are the message."""
    if not text.startswith("Caught InputError in DataLoader"):
        return None
    return text.rpartition("InputError: ")[2].strip()


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
