"""What the tests of schedulers share: a sweep as typed, in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.small import TRIAL

ROOT = Path(__file__).parents[2]
SMALL = [*TRIAL, "data._target_=tests.cluster.witness.find"]


@pytest.fixture
def sweep(tmp_path, monkeypatch):
    """Starts a sweep as typed; gives the process, whose output is kept in `log`."""
    (tmp_path / "witness").mkdir()
    monkeypatch.setenv("WITNESS", str(tmp_path / "witness"))
    monkeypatch.setenv("WITNESS_SECONDS", "20")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")

    def start(*arguments):
        log = (tmp_path / "log").open("w")
        command = [sys.executable, str(ROOT / "train.py"), "-m", *SMALL, "hydra.sweep.dir=sweep", *arguments]
        return subprocess.Popen(command, cwd=tmp_path, env=os.environ, stdout=log, stderr=subprocess.STDOUT)

    return start
