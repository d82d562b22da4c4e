import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from unet_lightning.runtime import parent

ROOT = Path(__file__).parents[2]
PARENT = """
import multiprocessing, time
from unet_lightning.runtime import parent
parent.INTERVAL = 0.02
def job():
    parent.end_with_parent()
    print(multiprocessing.current_process().pid, flush=True)
    time.sleep(60)
multiprocessing.get_context("fork").Process(target=job).start()
time.sleep(60)
"""


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_a_job_ends_with_the_process_it_is_run_for():
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, env=environment) as process:
        job = int(process.stdout.readline())
        time.sleep(0.2)
        assert is_alive(job)
        os.kill(process.pid, signal.SIGKILL)
        for _ in range(500):
            if not is_alive(job):
                break
            time.sleep(0.02)
        assert not is_alive(job)


def test_a_process_that_a_user_started_is_not_watched():
    assert multiprocessing.current_process().name == "MainProcess"
    parent.end_with_parent()
    assert not parent._watching.is_set()
