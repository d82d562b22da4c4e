"""What people watch, in a real browser: headless Chromium, skipped where there is none."""

import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from tests.small import train
from unet_lightning.page.html import html
from unet_lightning.page.table import Table

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


needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here (Debian: apt-get install chromium)")


def shown(address, profile):
    """What a page holds once its scripts have run."""
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", "--virtual-time-budget=30000", "--dump-dom", address]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False).stdout


@needs_chromium
def test_tensorboard_shows_curves_and_pictures(tensorboard, tmp_path):
    """The page, once its scripts have run, holds the cards' names; the first attempts may come before the data do."""
    words = ["at a glance", "classes/dice", "/cell", "confusion", "training", "validation"]
    missing = words
    for _ in range(5):
        page = shown(f"{tensorboard}/#timeseries", tmp_path / "profile")
        missing = [word for word in words if word not in page]
        if not missing:
            break
        time.sleep(2)
    assert not missing


@needs_chromium
def test_a_click_on_the_head_of_a_column_sorts_numbers_by_their_value(tmp_path):
    rows = [["a", "9.5"], ["b", "1,024"], ["c", "–"], ["d", "31,042,434"], ["e", "0.2 ± 0.1"]]
    click = "<script>document.querySelectorAll('th')[1].click()</script>"
    for clicks, order in ((1, "eabdc"), (2, "dbaec")):  # what is no number comes last
        page = html("base.html", title="t", tables=[Table("t", ["name", "cost"], rows)])
        path = tmp_path / f"{clicks}.html"
        path.write_text(page.replace("</html>", clicks * click + "</html>"), encoding="utf-8")
        found = shown(path.as_uri(), tmp_path / "profile")
        assert "".join(re.findall(r"<tr><td>(.)</td>", found)) == order
