"""The other processes of a run on several devices of one machine: each trains the very same config, read from the run's
folder, so that sweeps, presets and time stamps can't come between them.
"""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from unet_lightning.training.folder import resume_hint

GRACE = 20.0  # seconds in which this process should notice by itself that another one is gone


class RankProcess:
    """One other process. It ends by itself when this one does: then its standard input ends."""

    def __init__(self, rank: int, folder: Path, environment: dict[str, str]) -> None:
        self.rank = rank
        self.stderr: IO[bytes] = TemporaryFile()  # noqa: SIM115
        path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)  # what this process can import
        self.handle = subprocess.Popen(
            [sys.executable, "-m", "unet_lightning.training.rank", str(folder)],
            env=os.environ | environment | {"LOCAL_RANK": str(rank), "PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self.stderr,
        )

    def failure(self) -> str:
        """How it failed, with the last lines of its errors; empty while it runs or after it ended without error."""
        code = self.handle.poll()
        if not code:
            return ""
        self.stderr.seek(0)
        last = self.stderr.read().decode(errors="replace").strip().splitlines()[-3:]
        how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
        return "\n".join([f"process {self.rank} of this run {how}", *last])


class RankProcesses:
    """All other processes of a run; none where there is one device, or where torchrun or srun started them."""

    def __init__(self) -> None:
        self.all: list[RankProcess] = []

    def failure(self) -> str:
        """The first that was lost, within a moment; empty when none was."""
        for _ in range(20 if self.all else 1):
            for process in self.all:
                if process.failure():
                    return process.failure()
            time.sleep(0.1)
        return ""

    def watch(self, ended: threading.Event, folder: Path) -> None:
        """Where a lost process leaves this one waiting inside a library, end it: nothing else would."""
        while not ended.wait(1.0):
            lost = next((process.failure() for process in self.all if process.failure()), "")
            if lost and not ended.wait(GRACE):
                hint = f"To go on from the last checkpoint, {resume_hint(folder)}"
                print(f"error: {lost}\n{hint}", file=sys.stderr, flush=True)
                os._exit(1)


@contextmanager
def start_ranks(others: int, folder: Path) -> Iterator[RankProcesses]:
    """Start `others` further processes on this machine; afterwards end them and remove their environment variables."""
    found = RankProcesses()
    if not others:
        yield found
        return
    names = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port()), "NODE_RANK": "0"}
    names["WORLD_SIZE"] = str(others + 1)
    os.environ.update(names | {"LOCAL_RANK": "0"})
    ended = threading.Event()
    try:
        found.all = [RankProcess(rank, folder, names) for rank in range(1, others + 1)]
        threading.Thread(target=found.watch, args=(ended, folder), daemon=True).start()
        yield found
        for process in found.all:
            with suppress(subprocess.TimeoutExpired):
                process.handle.wait(60)
    finally:
        ended.set()
        for process in found.all:
            process.handle.kill()
            process.handle.wait()
        for name in (*names, "LOCAL_RANK"):
            os.environ.pop(name, None)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
