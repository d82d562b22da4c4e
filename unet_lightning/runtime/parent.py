"""The end of processes whose parent has ended."""

import multiprocessing
import os
import threading
import time

INTERVAL = 1.0  # seconds


def end_with_parent() -> None:
    """In a process that runs jobs for another one, as joblib's do: end when that one does, and not after the job.

    In a process that a user started nothing happens: its shell may go.
    """
    if multiprocessing.current_process().name == "MainProcess" or _watching.is_set():
        return
    _watching.set()
    threading.Thread(target=_watch, args=(os.getppid(),), daemon=True).start()


_watching = threading.Event()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(INTERVAL)
    os._exit(1)
