"""One process at a time writes into a folder: a lock that the operating system gives back when its holder dies."""

import errno
import fcntl
import logging
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from unet_lightning.error import InputError

log = logging.getLogger(__name__)
LOCK = "in-use.lock"
HELD_BY_ANOTHER = (errno.EACCES, errno.EAGAIN)
PATIENCE = 180.0  # seconds in which a file server forgets the lock of a machine that went down
held: set[tuple[int, Path]] = set()  # by process: a fork inherits the set, and none of the locks


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Hold a folder; InputError that names who does where another process holds it.

    Held again by the same process it changes nothing. The lock is a file in the folder, which is made if need be, and
    names the process and its machine. Both are removed at the end, the folder if it is empty. After kill -9 the file
    stays, and the lock on it doesn't. Where the file system has no locks a warning is logged, and nothing is held.
    """
    key = (os.getpid(), folder.resolve())
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    descriptor = None if key in held else _acquire(folder)
    if descriptor is None:
        yield
        return
    held.add(key)
    try:
        yield
    finally:
        held.discard(key)
        (folder / LOCK).unlink(missing_ok=True)  # before it is given back: whoever waits for it looks again
        os.close(descriptor)
        with suppress(OSError):  # as soon as one is not empty
            for place in made:
                place.rmdir()


def _acquire(folder: Path) -> int | None:
    """A descriptor that holds the lock; None where nothing can be locked."""
    path, waited = folder / LOCK, 0.0
    patience = PATIENCE if "SLURM_RESTART_COUNT" in os.environ else 0.0  # started again by a queue, with nobody there
    while True:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError:  # of a folder that can't be written: the first who writes there reports it
            return None
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in HELD_BY_ANOTHER and waited < patience:
                waited += 1
                os.close(descriptor)
                time.sleep(1)
                continue
            _refuse(descriptor, folder, error)
            path.unlink(missing_ok=True)
            return None
        if _is_file(path, descriptor):
            with suppress(OSError):  # of a full disk: held all the same
                _sign(descriptor, folder)
            return descriptor
        os.close(descriptor)  # its holder has just removed it


def _is_file(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _sign(descriptor: int, folder: Path) -> None:
    """Write who holds it; whoever left it behind on another machine may be alive where locks don't reach across."""
    before, here = _read(descriptor), socket.gethostname()
    if before and f" on {here} " not in f"{before} ":
        log.warning(
            f"{folder} was left behind by {before}. Its lock is free here, but not every network file system passes "
            "locks on: make sure that process has ended"
        )
    os.ftruncate(descriptor, 0)
    now = datetime.now().isoformat(" ", "seconds")
    os.pwrite(descriptor, f"process {os.getpid()} on {here} since {now}".encode(), 0)


def _refuse(descriptor: int, folder: Path, error: OSError) -> None:
    holder = _read(descriptor) or "another process"
    os.close(descriptor)
    if error.errno in HELD_BY_ANOTHER:
        raise InputError(
            f"{folder} is in use by {holder}: wait until it ends, stop it, or choose another name: run=…"
        ) from None
    log.warning(
        f"{folder} can't be locked ({error.strerror}): two runs of this name could write into it at once; "
        "start only one"
    )


def _read(descriptor: int) -> str:
    return " ".join(os.pread(descriptor, 200, 0).decode(errors="replace").split())
