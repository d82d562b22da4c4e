"""What people watch, in a real browser: headless Chromium, skipped where there is none."""

import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from tests.small import train

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1400,1600",
]


@pytest.fixture(scope="module")
def tensorboard(tmp_path_factory):
    """The address of a server that shows a short run."""
    folder = tmp_path_factory.mktemp("watched")
    train(folder / "run", "trainer.max_epochs=1")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["-m", "tensorboard.main", "--logdir", str(folder), "--port", str(port), "--load_fast=false"]
    with subprocess.Popen([sys.executable, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        address = f"http://127.0.0.1:{port}"
        for _ in range(120):
            try:
                runs = urllib.request.urlopen(f"{address}/data/runs", timeout=2).read()
                if b"run" in runs:
                    break
            except OSError:
                pass
            time.sleep(0.5)
        yield address
        server.terminate()


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here (Debian: apt-get install chromium)")
def test_tensorboard_shows_curves_and_pictures(tensorboard, tmp_path):
    """The page, once its scripts have run, holds the cards' names; the first attempts may come before the data do."""
    words = ["classes/dice", "/cell", "confusion", "training", "validation"]
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={tmp_path}/profile", "--virtual-time-budget=30000", "--dump-dom"]
    missing = words
    for _ in range(5):
        page = subprocess.run(
            [*command, f"{tensorboard}/#timeseries"], capture_output=True, text=True, timeout=120, check=False
        ).stdout
        missing = [word for word in words if word not in page]
        if not missing:
            break
        time.sleep(2)
    assert not missing
