"""`make crash`: kill -9 at random moments, start again, compare with the uninterrupted run bit for bit."""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.training.test_resume import LAST, command, environment, everything


def start(folder, workers):
    folder.mkdir(exist_ok=True)
    options = {"cwd": folder, "env": environment(), "start_new_session": True}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command(f"data.num_workers={workers}"), **options, **quiet)


def step(folder):
    """Of the newest checkpoint."""
    return max((int(path.stem[5:]) for path in folder.glob("outputs/a/checkpoints/step-*.ckpt")), default=0)


def killed(folder, workers, point):
    """Start, kill at a moment drawn within the writing of checkpoint `point` and the step after it; what was kept."""
    process = start(folder, workers)
    while step(folder) < point and process.poll() is None:
        time.sleep(0.002)
    time.sleep(random.uniform(0, 0.06 if point < LAST else 2.0))  # after the last point the scoring follows
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return step(folder)


def main(points):
    seed = int.from_bytes(os.urandom(2), "big")
    random.seed(seed)
    print(f"seed {seed}", flush=True)
    root = Path(tempfile.mkdtemp())  # left where a run differs
    assert start(root / "whole", 0).wait() == 0
    expected = everything(root / "whole" / "outputs" / "a")
    for number in range(points):
        workers, point, folder = random.choice((0, 2)), random.randrange(1, LAST + 1), root / str(number)
        kept = killed(folder, workers, point)
        partly = len(list(folder.rglob("*.part")))
        code = start(folder, workers).wait()
        print(f"{number + 1}: {workers} workers, kept {kept} of {LAST}, {partly} half written", flush=True)
        if code or everything(folder / "outputs" / "a") != expected:
            sys.exit(f"differs from the uninterrupted run in {root / 'whole'}: {folder}")
        shutil.rmtree(folder)
    shutil.rmtree(root)
    print(f"{points} of {points} runs ended as the uninterrupted one")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
