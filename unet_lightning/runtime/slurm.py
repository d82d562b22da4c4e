"""SLURM: query the queue, and requeue a job."""

import logging
import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

from unet_lightning.error import InputError

log = logging.getLogger(__name__)


def requeue(signum: int) -> None:
    """In a SLURM job, after any signal but Ctrl-C: requeue the job, since SLURM regards a job that ends as done.

    If SLURM itself is ending the job, it was cancelled, or was preempted and is in the queue already: then nothing is
    done. A job that ends at its time limit is requeued.
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


def wait_for_queue(folder: Path) -> None:
    """Wait for the jobs of this sweep that are still in SLURM's queue, also those of an earlier start."""
    arrays = {path.name.split("_")[0] for path in (folder / ".submitit").glob("*") if path.name[0].isdigit()}
    if arrays and not shutil.which("squeue"):
        remedy = f"rm -r {shlex.quote(str(folder / '.submitit'))}"
        raise InputError(
            f"{folder} holds SLURM jobs, and there is no squeue here to check whether they still run; start the "
            f"sweep on a machine with SLURM, or, once the jobs have ended: {remedy}"
        )
    while arrays and (queued := in_queue(arrays)):
        log.info(f"{queued} jobs of this sweep are still in the queue")
        time.sleep(10)


def in_queue(jobs: Iterable[str]) -> int:
    """How many of these jobs are in SLURM's queue; 1 if squeue fails, because then it isn't known."""
    command = ["squeue", "--noheader", "--array", "--jobs", ",".join(jobs)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return len(done.stdout.splitlines()) or int(done.returncode != 0 and "Invalid job id" not in done.stderr)
