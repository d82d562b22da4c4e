"""What breaks while a network trains ends in an error that says what to do, and the last checkpoint stays whole."""

import errno
import os
import signal
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.processes import run, start
from tests.small import config
from tests.training import test_resume
from tests.training.test_resume import go
from tests.training.together import SMALL
from unet_lightning.error import InputError
from unet_lightning.pipeline.crops import CropDataset
from unet_lightning.training.folder import newest_point
from unet_lightning.training.run import train as train_run


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "no space left to write .*step-00000005"), (errno.EROFS, "can't be written .* make it writable")],
)
def test_a_disk_that_takes_no_more_leaves_the_last_checkpoint_whole(tmp_path, monkeypatch, number, words):
    real = os.fsync

    def fsync(descriptor):
        if list(tmp_path.rglob("step-00000005.ckpt.part")):
            raise OSError(number, os.strerror(number), str(next(tmp_path.rglob("*.part"))))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(InputError, match=words) as caught:
        go(tmp_path / "a")
    assert "Then start the same command again: the last checkpoint, step-00000004.ckpt, is whole" in str(caught.value)
    assert newest_point(tmp_path / "a").path.name == "step-00000004.ckpt"
    assert not list(tmp_path.rglob("*.part"))


def test_a_folder_that_cannot_be_written_is_said_before_anything_is_done(tmp_path):
    (tmp_path / "outputs").write_text("a file")
    done = run(*SMALL, "run=a", cwd=tmp_path)
    assert done.returncode == 2
    assert "start in a folder you can write" in done.stderr
    assert "Traceback" not in done.stderr


def write_set(root):
    for kind in ("images", "masks"):
        (root / kind).mkdir(parents=True)
    for k in range(10):
        mask = np.zeros((40, 36), np.uint8)
        mask[5 + k : 20 + k, 5:20] = 1
        cv2.imwrite(str(root / "images" / f"{k}.png"), mask * 50 + k)
        cv2.imwrite(str(root / "masks" / f"{k}.png"), mask)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_data_file_that_vanishes_is_named(tmp_path, monkeypatch, workers):
    write_set(tmp_path / "set")
    real = CropDataset.__getitem__

    def vanishing(crops, draw):
        if draw[:2] == (1, 9):
            for path in (tmp_path / "set" / "images").glob("*"):
                path.unlink()
        return real(crops, draw)

    monkeypatch.setattr(CropDataset, "__getitem__", vanishing)
    synthetic = ("data=", "data.number", "data.height", "data.width", "data.cells")
    options = [option for option in test_resume.SMALL if not option.startswith(synthetic)]
    options += ["data=folder", f"data.root={tmp_path / 'set'}", "data.cache_gb=0", "data.cache_dir=null"]
    options += [f"data.num_workers={workers}"]
    with pytest.raises(InputError, match=r"set/images/\d\.png") as caught:
        train_run(config(*options), tmp_path / "a")
    assert "Traceback" not in str(caught.value)
    assert workers == 0 or "the same command again: the last checkpoint, step-" in str(caught.value)


def test_a_loader_process_that_dies_is_said(tmp_path, monkeypatch):
    real = CropDataset.__getitem__

    def dying(crops, draw):
        if draw[:2] == (1, 9):
            os.kill(os.getpid(), signal.SIGKILL)
        return real(crops, draw)

    monkeypatch.setattr(CropDataset, "__getitem__", dying)
    with pytest.raises(InputError, match=r"a loader process died .* lower data\.num_workers"):
        go(tmp_path / "a", "data.num_workers=1")


def test_a_process_that_is_lost_ends_the_run_with_an_error(tmp_path):
    options = ["trainer.devices=2", "trainer.max_epochs=500", "trainer.callbacks.resume.minutes=0", "data.number=10"]
    process = start([*SMALL, *options, "run=a"], tmp_path, tmp_path)
    point = tmp_path / "outputs" / "a" / "checkpoints" / "step-00000009.ckpt"
    for _ in range(24000):
        if point.exists() or not process.is_alive():
            break
        time.sleep(0.005)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    other = next(c for c in children if b"unet_lightning.training.rank" in Path(f"/proc/{c}/cmdline").read_bytes())
    os.kill(int(other), signal.SIGKILL)
    process.join(60)
    assert process.exitcode == 2
    told = (tmp_path / "stderr").read_text()
    assert "process 1 of this run was killed by signal 9" in told
    assert "Then start the same command again: the last checkpoint, step-" in told
    assert newest_point(tmp_path / "outputs" / "a").path
