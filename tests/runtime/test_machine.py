import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from unet_lightning.runtime.machine import commit, machine

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(not shutil.which("git") or not (ROOT / ".git").exists(), reason="not a checkout")
def test_the_commit_is_that_of_the_checkout():
    head = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    found = commit()
    assert head.stdout.startswith(found.removesuffix("-dirty"))
    assert re.fullmatch(r"[0-9a-f]{7,}(-dirty)?", found)


def test_outside_of_a_checkout_and_without_git_there_is_no_commit(tmp_path, monkeypatch):
    monkeypatch.setattr("unet_lightning.runtime.machine.__file__", str(tmp_path / "machine.py"))
    assert commit() is None
    monkeypatch.setenv("PATH", "")
    assert commit() is None


def test_the_machine_has_a_name():
    import torch

    cores = rf"{os.cpu_count()} cores of \S.*"
    assert re.fullmatch(".*" if torch.cuda.is_available() else cores, machine())


@pytest.mark.skipif(not shutil.which("git"), reason="no git")
def test_a_repository_around_an_installed_package_is_not_its_commit(tmp_path, monkeypatch):
    def git(*arguments):
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", "-C", str(tmp_path), *who, *arguments], check=True, capture_output=True)

    git("init")
    git("commit", "--allow-empty", "--message", "someone else's")
    place = tmp_path / "venv" / "unet_lightning" / "runtime" / "machine.py"
    place.parent.mkdir(parents=True)
    monkeypatch.setattr("unet_lightning.runtime.machine.__file__", str(place))
    assert commit() is None
