"""SLURM: ask its queue, and have a job started again."""

import logging
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

from unet_lightning.error import InputError

log = logging.getLogger(__name__)


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


def wait_for_queue(folder: Path) -> None:
    """Wait for those jobs of this sweep that SLURM still holds, of an earlier start as well."""
    arrays = {path.name.split("_")[0] for path in (folder / ".submitit").glob("*") if path.name[0].isdigit()}
    if arrays and not shutil.which("squeue"):
        raise InputError(
            f"{folder} holds jobs of SLURM, and there is no squeue here that says whether they still run; start it "
            f"where SLURM is, or, once they have ended: rm -r {folder / '.submitit'}"
        )
    while arrays and (queued := in_queue(arrays)):
        log.info(f"{queued} jobs of this sweep are still in the queue")
        time.sleep(10)


def in_queue(jobs: Iterable[str]) -> int:
    """How many jobs SLURM still holds; one that can't be asked now counts as held."""
    command = ["squeue", "--noheader", "--array", "--jobs", ",".join(jobs)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return len(done.stdout.splitlines()) or int(done.returncode != 0 and "Invalid job id" not in done.stderr)
