"""Signals that ask a run to stop: it saves at the next batch, and asks SLURM to start it again."""

import logging
import os
import signal
import subprocess
import threading
from types import FrameType, TracebackType
from typing import Any

from unet_lightning.error import Interrupted

log = logging.getLogger(__name__)
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)


class Stop:
    """A context that catches SIGINT, SIGTERM, SIGUSR1 and SIGUSR2.

    While `patient` it remembers the first of them in `signum` for who asks; else, and at a second one, it raises
    Interrupted where the program is. Outside the main thread it does nothing.
    """

    def __init__(self) -> None:
        self.signum, self.patient = 0, False
        self.before: dict[int, Any] = {}

    def __enter__(self) -> "Stop":
        if threading.current_thread() is threading.main_thread():
            self.before = {signum: signal.signal(signum, self._caught) for signum in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for signum, handler in self.before.items():
            signal.signal(signum, handler)

    def _caught(self, signum: int, frame: FrameType | None) -> None:
        if not self.patient or (self.signum and signum == signal.SIGINT):
            raise Interrupted(signum)
        if not self.signum:
            log.warning(f"{signal.Signals(signum).name}: the run is saved at the next batch, then it ends")
        self.signum = self.signum or signum


def requeue(signum: int) -> None:
    """In a SLURM job, after any signal but Ctrl-C: have the job start again, since one that just ends counts as done.

    Where SLURM itself is ending the job, it was cancelled, or preempted and is in the queue already; but a job at its
    time limit isn't.
    """
    job = os.environ.get("SLURM_JOB_ID")
    if job is None or signum == signal.SIGINT:
        return
    if "SLURM_ARRAY_JOB_ID" in os.environ:
        job = f"{os.environ['SLURM_ARRAY_JOB_ID']}_{os.environ['SLURM_ARRAY_TASK_ID']}"
    try:
        told = _scontrol("show", "job", "-o", job)
        if "JobState=RUNNING" not in told and "Reason=TimeLimit" not in told:
            return
        _scontrol("requeue", job)
    except (OSError, subprocess.SubprocessError) as error:
        reason = str(getattr(error, "stderr", None) or error).strip()
        log.warning(f"SLURM doesn't start job {job} again ({reason}); submit it once more")
    else:
        log.warning(f"SLURM starts job {job} again")


def _scontrol(*arguments: str) -> str:
    return subprocess.run(["scontrol", *arguments], check=True, capture_output=True, text=True, timeout=30).stdout
