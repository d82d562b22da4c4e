"""What the tests of schedulers share: a sweep as typed, in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
SMALL = [
    "data=synthetic",
    "data._target_=tests.cluster.witness.find",
    "data.number=5",
    "data.height=32",
    "data.width=32",
    "data.crop=16",
    "data.crops_per_image=2",
    "data.num_workers=0",
    "tile=32",
    "model.depth=1",
    "model.base_channels=4",
    "trainer.max_epochs=1",
    "trainer.enable_progress_bar=false",
    "trainer.accelerator=cpu",
]


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
