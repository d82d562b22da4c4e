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
from typing import IO, NoReturn

from unet_lightning.error import InputError
from unet_lightning.folder import CONFIG, again

GRACE = 20.0  # seconds in which this process should notice by itself that another one is gone


class Companion:
    """One other process. It ends by itself when this one does: then its standard input ends."""

    def __init__(self, rank: int, folder: Path, environment: dict[str, str]) -> None:
        self.rank = rank
        self.said: IO[bytes] = TemporaryFile()  # noqa: SIM115
        path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)  # what this process can import
        self.process = subprocess.Popen(
            [sys.executable, "-m", "unet_lightning.companions", str(folder)],
            env=os.environ | environment | {"LOCAL_RANK": str(rank), "PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self.said,
        )

    def loss(self) -> str:
        """How it was lost, and the last it said; empty while it lives or when it ended well."""
        code = self.process.poll()
        if not code:
            return ""
        self.said.seek(0)
        last = self.said.read().decode(errors="replace").strip().splitlines()[-3:]
        how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
        return "\n".join([f"process {self.rank} of this run {how}", *last])


class Companions:
    """All other processes of a run; none where there is one device, or where torchrun or srun started them."""

    def __init__(self) -> None:
        self.all: list[Companion] = []

    def loss(self) -> str:
        """The first that was lost, within a moment; empty when none was."""
        for _ in range(20 if self.all else 1):
            for companion in self.all:
                if companion.loss():
                    return companion.loss()
            time.sleep(0.1)
        return ""

    def watch(self, ended: threading.Event, folder: Path) -> None:
        """Where a lost process leaves this one waiting inside a library, end it: nothing else would."""
        while not ended.wait(1.0):
            lost = next((companion.loss() for companion in self.all if companion.loss()), "")
            if lost and not ended.wait(GRACE):
                _end(f"error: {lost}\nTo go on from the last checkpoint, {again(folder)}")


@contextmanager
def companions(others: int, folder: Path) -> Iterator[Companions]:
    """Start so many other processes on this machine; end them, and all they had in common, afterwards."""
    found = Companions()
    if not others:
        yield found
        return
    names = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port()), "NODE_RANK": "0"}
    names["WORLD_SIZE"] = str(others + 1)
    os.environ.update(names | {"LOCAL_RANK": "0"})
    ended = threading.Event()
    try:
        found.all = [Companion(rank, folder, names) for rank in range(1, others + 1)]
        threading.Thread(target=found.watch, args=(ended, folder), daemon=True).start()
        yield found
        for companion in found.all:
            with suppress(subprocess.TimeoutExpired):
                companion.process.wait(60)
    finally:
        ended.set()
        for companion in found.all:
            companion.process.kill()
            companion.process.wait()
        for name in (*names, "LOCAL_RANK"):
            os.environ.pop(name, None)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _end(message: str) -> NoReturn:
    print(message, file=sys.stderr, flush=True)
    os._exit(1)


def _end_with_parent() -> None:
    with suppress(OSError):
        os.read(sys.stdin.fileno(), 1)
    os._exit(1)


def main(folder: str) -> None:
    """What a companion does."""
    from omegaconf import OmegaConf

    from unet_lightning.run import train

    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        train(OmegaConf.load(Path(folder) / CONFIG), Path(folder))  # type: ignore[arg-type]
    except InputError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main(sys.argv[1])
