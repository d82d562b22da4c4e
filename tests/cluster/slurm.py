"""Sweeps on a real SLURM, all of it on this machine and its GPUs made up: `make test-cluster`."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
import torch

from tests.cluster import witness
from tests.cluster.conftest import ROOT, SMALL
from unet_lightning.callback.resume import POINTS

TOOLS = Path(os.environ.get("CLUSTER_TOOLS", "")).absolute()  # slurm_up.sh, and sacct for a SLURM without accounting
pytestmark = pytest.mark.timeout(900)
LAUNCH = ["launch=slurm", "launch.cpus_per_trial=1", "launch.minutes=10"]


@pytest.fixture(scope="module", autouse=True)
def slurm():
    """SLURM with 4 made-up GPUs and 8 processors, whatever this machine has."""
    if not shutil.which("sbatch") or not (TOOLS / "slurm_up.sh").exists():
        pytest.fail("wants slurm-wlm and munge (Debian: apt-get install), and CLUSTER_TOOLS with slurm_up.sh and sacct")
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    variables = {"SLURM_DIR": str(folder), "SLURM_CONF": str(folder / "slurm.conf"), "GPUS": "4", "CPUS": "8"}
    os.environ |= variables | {"PATH": f"{TOOLS}:{os.environ['PATH']}"}
    subprocess.run(["bash", str(TOOLS / "slurm_up.sh"), "up"], check=True)
    yield
    subprocess.run(["bash", str(TOOLS / "slurm_up.sh"), "down"], check=True)
    shutil.rmtree(folder, ignore_errors=True)


def statuses(folder):
    found = {path.parent.name: json.loads(path.read_text())["status"] for path in folder.glob("sweep/*/results.json")}
    return {float(name.rpartition("=")[2]): status for name, status in found.items()}


def wait(condition, seconds):
    end = time.time() + seconds
    while not condition():
        assert time.time() < end, "it did not happen in time"
        time.sleep(0.5)


def test_trials_of_an_array_run_at_once_each_with_a_gpu_of_its_own(sweep, tmp_path):
    process = sweep("data.noise=0.01,0.02,0.04,0.05,0.06,0.07", *LAUNCH)
    assert process.wait(400) == 0, (tmp_path / "log").read_text()[-3000:]
    lines = witness.read(tmp_path / "witness")
    assert len(lines) == 6
    assert 2 <= witness.most_at_once(lines) <= 4
    for device in {line["devices"] for line in lines}:
        assert witness.most_at_once([line for line in lines if line["devices"] == device]) == 1
    assert len({line["devices"] for line in lines}) >= 2
    print("at once", witness.most_at_once(lines), "on GPUs", sorted({line["devices"] for line in lines}))


def test_a_cancelled_and_a_crashed_trial_lose_no_other_and_can_be_repeated(sweep, tmp_path):
    process = sweep("data.noise=0.01,0.02,0.3", *LAUNCH)
    running = tmp_path / "sweep" / "data.noise=0.02" / "results.json"
    wait(lambda: running.exists() and '"running"' in running.read_text(), 120)
    (job,) = [path.name for path in (tmp_path / "sweep" / ".submitit").glob("*_1")]
    subprocess.run(["scancel", job], check=True)
    assert process.wait(400) == 1
    found = statuses(tmp_path)
    assert (found[0.01], found[0.3]) == ("finished", "failed")
    assert found[0.02] == "interrupted"
    assert "3 trials: 1 failed, 1 finished, 1 interrupted" in (tmp_path / "log").read_text()
    process = sweep("data.noise=0.01,0.02", *LAUNCH, "retry=failed")
    assert process.wait(400) == 0, (tmp_path / "log").read_text()[-3000:]
    assert statuses(tmp_path) == {0.01: "finished", 0.02: "finished", 0.3: "failed"}
    assert len([line for line in witness.read(tmp_path / "witness") if line["noise"] == 0.01]) == 1


def test_a_second_start_waits_for_what_is_still_in_the_queue(sweep, tmp_path):
    first = sweep("data.noise=0.01,0.02", *LAUNCH)
    running = tmp_path / "sweep" / "data.noise=0.02" / "results.json"
    wait(lambda: running.exists() and '"running"' in running.read_text(), 120)
    first.kill()
    second = sweep("data.noise=0.01,0.02", *LAUNCH)
    assert second.wait(400) == 0, (tmp_path / "log").read_text()[-3000:]
    assert len(witness.read(tmp_path / "witness")) == 2
    assert "2 of 2 trials are done already" in (tmp_path / "log").read_text()


def test_a_preempted_trial_goes_on_to_the_uninterrupted_result(sweep, tmp_path, monkeypatch):
    monkeypatch.setenv("WITNESS_SECONDS", "0")
    long = ["trainer.max_epochs=150", "data.crops_per_image=8", "data.batch_size=2", "data.noise=0.01"]
    long += ["trainer.callbacks.resume.minutes=0.05"]
    process = sweep(*long, "seed=1,2", *LAUNCH)
    command = [sys.executable, str(ROOT / "train.py"), *SMALL, *long, "seed=1", "hydra.run.dir=whole"]
    whole = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL)
    folder = tmp_path / "sweep" / "seed=1"
    wait(lambda: len(list(folder.glob(POINTS))) > 1, 200)
    everything = [
        "--gres=gpu:4",
        "--cpus-per-task=8",
        "--partition=high",
        "--wrap=sleep 5",
        f"--output={tmp_path}/high",
    ]
    subprocess.run(["sbatch", *everything], check=True)
    assert process.wait(500) == 0, (tmp_path / "log").read_text()[-3000:]
    assert "SLURM starts job" in (folder / "train.log").read_text()
    assert "resumes from" in (folder / "train.log").read_text()
    assert whole.wait(400) == 0
    results = [json.loads((path / "results.json").read_text()) for path in (folder, tmp_path / "whole")]
    assert results[0]["val"] == results[1]["val"]
    assert results[0]["test"] == results[1]["test"]
    weights = [torch.load(path / "checkpoints/best.ckpt")["state_dict"] for path in (folder, tmp_path / "whole")]
    assert all(torch.equal(value, weights[1][key]) for key, value in weights[0].items())
