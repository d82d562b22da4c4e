"""Two processes give what one gives."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.processes import run
from tests.small import config
from tests.training import together
from unet_lightning.error import InputError
from unet_lightning.training.trainer import count_processes

ROOT = Path(__file__).parents[2]


def environment():
    return os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}


def run_python(*arguments, cwd):
    """A Python process that must end well."""
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=cwd, env=environment(), capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    return together.everything(tmp_path_factory.mktemp("alone"), 1)


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """What each of two processes found."""
    folder = tmp_path_factory.mktemp("two")
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    run_python(*torchrun, "-m", "tests.training.together", str(folder), cwd=ROOT)
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in (0, 1)]


def test_twenty_steps_on_the_same_batches_give_the_same_parameters(alone, two):
    for name, expected in alone["trained"].items():
        assert torch.equal(two[0]["trained"][name], two[1]["trained"][name])
        assert (two[0]["trained"][name] - expected).abs().max() < 1e-5


def test_a_plan_is_made_by_the_first_process_and_is_that_of_all(alone, two):
    overrides, made = alone["planned"]
    assert "model=nnunet" in overrides
    assert made == 1
    assert [found["planned"] for found in two] == [(overrides, 1), (overrides, 0)]


@pytest.mark.parametrize("images", together.IMAGES)
def test_the_same_weights_are_scored_to_the_same_counts(alone, two, images):
    for expected, first, second in zip(*(found["scored"][images] for found in (alone, *two)), strict=True):
        if isinstance(expected, str):
            assert expected == first == second
        else:
            assert len(expected) == images
            assert expected.dtype == torch.int64
            assert torch.equal(first, expected)
            assert torch.equal(second, expected)


def test_every_loss_is_that_of_the_whole_batch_and_so_is_its_gradient(alone, two):
    assert len(alone["losses"]) >= 8
    for name, (loss, gradients) in alone["losses"].items():
        for found in two:
            torch.testing.assert_close(found["losses"][name][0], loss, rtol=1e-5, atol=1e-6)
            torch.testing.assert_close(found["losses"][name][1], gradients, rtol=1e-4, atol=1e-6)


def test_synchronised_batch_norm_is_batch_norm_of_the_whole_batch(alone, two):
    for found in two:
        for part, expected in zip(found["batch_norm"], alone["batch_norm"], strict=True):
            torch.testing.assert_close(part, expected, rtol=1e-4, atol=1e-6)


def test_a_sweep_trains_each_trial_on_two_processes_into_one_folder_with_one_log(tmp_path):
    small = [*together.SMALL, "data.number=10", "trainer.max_epochs=1", "trainer.devices=2", "trainer.strategy=ddp"]
    sweep = ["-m", "optimizer.lr=0.001,0.002", "hydra.sweep.dir=sweep"]
    options = ["trainer.sync_batchnorm=true", "model.norm=batch", "ema=0.9"]
    done = run(*sweep, *small, *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "outputs").exists()
    trials = sorted(path for path in (tmp_path / "sweep").iterdir() if path.is_dir())
    assert len(trials) == 2
    for trial in trials:
        assert json.loads((trial / "results.json").read_text())["status"] == "finished"
        assert len(list(trial.rglob("*.log"))) == 1
        assert len(list(trial.rglob("results.json"))) == 1
        assert (trial / "train.log").read_text().count("none given: groups divided") == 1
    weights = [torch.load(trial / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"] for trial in trials]
    assert any(not torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def node(*overrides):
    return config(*overrides)["trainer"]


def test_processes_of_others_must_be_as_many_as_asked_for(monkeypatch):
    assert count_processes(node("trainer.accelerator=cpu", "trainer.devices=3")) == 3
    with pytest.raises(InputError, match="by torchrun or srun"):
        count_processes(node("trainer.num_nodes=2"))
    for name, value in {"TORCHELASTIC_RUN_ID": "x", "RANK": "0", "WORLD_SIZE": "4"}.items():
        monkeypatch.setenv(name, value)
    assert count_processes(node("trainer.accelerator=cpu", "trainer.devices=2", "trainer.num_nodes=2")) == 4
    with pytest.raises(InputError, match=r"4 processes were started for 1; set trainer\.devices"):
        count_processes(node())


@pytest.mark.parametrize(("arguments", "words"), [(["-m", "seed=1,2"], "without torchrun"), (["seed=1"], "run=…")])
def test_under_torchrun_a_run_needs_a_name_and_a_sweep_starts_itself(tmp_path, arguments, words):
    started = {"TORCHELASTIC_RUN_ID": "x", "RANK": "1", "WORLD_SIZE": "2"}
    done = subprocess.run(
        [sys.executable, str(ROOT / "train.py"), *arguments],
        cwd=tmp_path,
        env=environment() | started,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert words in done.stderr
    assert not list(tmp_path.iterdir())
