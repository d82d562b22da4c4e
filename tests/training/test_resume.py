"""A run that is killed and started again ends as if nothing had happened, bit for bit."""

import json
import logging
import os
import signal
import time
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.processes import start
from tests.small import CELLS, QUIET, TINY_NETWORK, config
from unet_lightning.config.names import run_name
from unet_lightning.error import InputError
from unet_lightning.runtime import slurm
from unet_lightning.runtime.slurm import requeue
from unet_lightning.training.folder import newest_point, resume_hint
from unet_lightning.training.run import train as train_run
from unet_lightning.training.task import SegmentationTask

SMALL = [
    *CELLS,
    *("data.number=10", "data.batch_size=4", "data.crops_per_image=6", "tile=32", "model.dropout=0.3"),
    *("augment=paper", "ema=0.9", "trainer.max_epochs=3", "trainer.log_every_n_steps=1"),
    *("trainer.callbacks.resume.minutes=0", *TINY_NETWORK, *QUIET),
]
LAST = 27  # steps: 6 images, 6 crops each, 4 a batch, 3 epochs
DURING_A_WRITE = """
import os, signal
from pathlib import Path
real = os.fsync
def fsync(descriptor):
    if Path("outputs/a/checkpoints/step-00000014.ckpt.part").exists():
        os.ftruncate(descriptor, os.fstat(descriptor).st_size // 2)
        os.kill(os.getpid(), signal.SIGKILL)
    real(descriptor)
os.fsync = fsync
from unet_lightning.cli import train
train()
"""


def go(folder, *overrides):
    return train_run(config(*SMALL, *overrides), folder)


def scalars(folder):
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    events.Reload()
    tags = [tag for tag in events.Tags()["scalars"] if not tag.startswith("time/")]
    return {tag: sorted((event.step, event.value) for event in events.Scalars(tag)) for tag in tags}


def plain(value):
    """Containers with tensors as bytes, so that == compares bit by bit."""
    if isinstance(value, torch.Tensor):
        return (str(value.dtype), tuple(value.shape), value.contiguous().numpy().tobytes())
    if isinstance(value, dict):
        forget = ("events", "seconds", "dirpath", "best_model_path", "best_k_models", "kth_best_model_path", "config")
        forget += ("current_score", "epoch_loop.val_loop.batch_progress")  # Lightning's own, without effect
        return {key: plain(child) for key, child in value.items() if key not in forget}
    return [plain(child) for child in value] if isinstance(value, list | tuple) else value


def everything(folder):
    """All that a run leaves and that time and place don't change."""
    results = json.loads((folder / "results.json").read_text())
    assert results["status"] == "finished"
    for key in ("seconds", "memory", "checkpoint", "overrides", "choices"):
        del results[key]
    points = [folder / "checkpoints" / name for name in ("best.ckpt", f"step-{LAST:08d}.ckpt")]
    return results, scalars(folder), [plain(torch.load(point, weights_only=True)) for point in points]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    torch.manual_seed(1)
    go(folder)
    return everything(folder)


def kill_at(process, point):
    for _ in range(12000):
        if point.exists() or not process.is_alive():
            break
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.join()
    assert process.exitcode == -signal.SIGKILL


def assert_goes_on_exactly(folder, uninterrupted, caplog, *overrides):
    kept = int(newest_point(folder).path.stem.removeprefix("step-"))
    assert 0 < kept < LAST
    torch.manual_seed(2)
    with caplog.at_level(logging.INFO):
        go(folder, *overrides)
    assert f"resumes from {folder}/checkpoints/step-{kept:08d}.ckpt" in caplog.text
    for found, expected in zip(everything(folder), uninterrupted, strict=True):
        assert found == expected
    return kept


@pytest.mark.parametrize("workers", [0, 2])
def test_killed_in_the_middle_of_an_epoch(tmp_path, uninterrupted, caplog, workers):
    folder = tmp_path / "outputs" / "a"
    process = start([*SMALL, "run=a", f"data.num_workers={workers}"], tmp_path, tmp_path)
    kill_at(process, folder / "checkpoints" / "step-00000012.ckpt")
    kept = assert_goes_on_exactly(folder, uninterrupted, caplog, f"data.num_workers={workers}")
    assert kept >= 12


def test_killed_while_a_checkpoint_is_written(tmp_path, uninterrupted, caplog):
    process = start([*SMALL, "run=a"], tmp_path, tmp_path, DURING_A_WRITE)
    process.join()
    assert process.exitcode == -signal.SIGKILL
    folder = tmp_path / "outputs" / "a"
    assert (folder / "checkpoints" / "step-00000014.ckpt.part").exists()
    assert assert_goes_on_exactly(folder, uninterrupted, caplog) == 13
    assert not list(folder.rglob("*.part"))


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT])
def test_a_signal_saves_at_the_next_batch_and_says_how_to_go_on(tmp_path, uninterrupted, caplog, monkeypatch, signum):
    asked = []
    monkeypatch.setattr(slurm, "_scontrol", lambda *command: asked.append(command) or "JobState=RUNNING")
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setattr(SegmentationTask, "on_before_zero_grad", signal_at(12, signum), raising=False)
    rarely = "trainer.callbacks.resume.minutes=60"
    with pytest.raises(SystemExit) as ended:
        go(tmp_path / "a", rarely)
    assert ended.value.code == 128 + signum
    assert json.loads((tmp_path / "a" / "results.json").read_text()) == {"status": "interrupted"}
    assert "step-00000012.ckpt is kept. To go on, start the same command again" in caplog.text
    assert asked == ([] if signum == signal.SIGINT else [("show", "job", "-o", "7"), ("requeue", "7")])
    monkeypatch.undo()
    before = signal.getsignal(signum)
    (tmp_path / "a").rename(tmp_path / "moved")
    assert assert_goes_on_exactly(tmp_path / "moved", uninterrupted, caplog) == 12
    assert signal.getsignal(signum) is before


@pytest.mark.parametrize(("state", "again"), [("COMPLETING Reason=None", 0), ("COMPLETING Reason=TimeLimit", 1)])
def test_a_job_that_was_cancelled_is_not_queued_again_one_out_of_time_is(monkeypatch, state, again):
    asked = []
    monkeypatch.setattr(slurm, "_scontrol", lambda *command: asked.append(command) or f"JobId=7_1 JobState={state}")
    for name, value in {"SLURM_JOB_ID": "9", "SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "1"}.items():
        monkeypatch.setenv(name, value)
    requeue(signal.SIGTERM)
    assert asked == [("show", "job", "-o", "7_1"), ("requeue", "7_1")][: 1 + again]


def signal_at(step, signum):
    """A hook that sends this process a signal in the middle of a step."""

    def hook(task, optimizer):
        if task.global_step == step - 1:
            os.kill(os.getpid(), signum)

    return hook


@pytest.fixture
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    go(folder, "trainer.max_epochs=1")
    return folder


def test_a_finished_run_is_not_repeated_a_longer_one_extends_it_and_another_config_is_refused(finished, caplog):
    before = {path: path.stat().st_mtime_ns for path in finished.rglob("*")}
    with caplog.at_level(logging.INFO):
        again = go(finished, "trainer.max_epochs=1", "data.cache_gb=1", "data.cache_dir=null", "run=x")
    assert again["status"] == "finished"
    assert "nothing to do" in caplog.text
    with pytest.raises(InputError, match=r"loss\._target_: unet_lightning\.loss\.ce.* there, .*dice.* now"):
        go(finished, "trainer.max_epochs=2", "loss=dice")
    with pytest.raises(InputError, match=r"trainer\.max_epochs: 1 there, 0 now"):
        go(finished, "trainer.max_epochs=0")
    with pytest.raises(InputError, match="resume=auto, or choose another name"):
        go(finished, "trainer.max_epochs=1", "resume=never")
    assert before == {path: path.stat().st_mtime_ns for path in finished.rglob("*")}
    with caplog.at_level(logging.INFO):
        longer = go(finished, "trainer.max_epochs=2")
    assert "extends the finished run: trainer.max_epochs from 1 to 2" in caplog.text
    assert longer["epochs"] == 2
    steps = [step for step, _ in scalars(finished)["train/loss"]]
    assert steps == list(range(18))


def test_an_unfinished_run_cannot_be_made_longer_and_a_truncated_checkpoint_is_skipped(finished, caplog):
    (finished / "results.json").write_text('{"status": "running"}')
    with pytest.raises(InputError, match="can be raised once the run is finished"):
        go(finished, "trainer.max_epochs=2")
    last, one_before = sorted((finished / "checkpoints").glob("step-*"), reverse=True)
    os.truncate(last, last.stat().st_size // 2)
    assert newest_point(finished).path == one_before
    assert f"{last} can't be read" in caplog.text
    assert not last.exists()
    assert last.with_suffix(".broken").exists()


def test_a_run_without_a_name_goes_on_by_its_date():
    dated = Path("/outputs/2026-11-22/13-47-44")
    assert resume_hint(dated) == "start the same command with run=2026-11-22/13-47-44"
    assert resume_hint(dated.parent / "a") == "start the same command again"


@pytest.mark.parametrize("name", ["../x", "/x", "a b", "a/../b", "a//b"])
def test_a_name_is_a_folder_below_outputs(name):
    with pytest.raises(InputError, match="expected a name"):
        run_name(name, "")


def test_names_may_lie_in_folders_and_without_one_it_is_the_time():
    assert run_name("study/a_1", "now") == "study/a_1"
    assert run_name(None, "now") == "now"
