"""Data at size, a part of `make bench`: memory of a training on more slices than fit, and the speed of `validate`."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).parents[1]
SLICES = [
    "data=synthetic",
    "data._target_=tests.volumes.find",
    "data.height=512",
    "data.width=512",
    "data.classes=[background,organ,lesion]",
    "data.num_workers=4",
    "data.crops_per_image=1",
    "normalize=percentile",
    "model.base_channels=8",
    "trainer.max_epochs=2",
    "trainer.limit_val_batches=40",
    "trainer.limit_test_batches=40",
    "trainer.enable_progress_bar=false",
]


def tree(process: int) -> list[int]:
    """A process and all below it."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(path.parent.name)] = int(path.read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
    found = [process]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found


def resident(process: int) -> tuple[float, int]:
    """GiB in memory of a process and its workers, and their number; a page they share counts once (PSS)."""
    total, number = 0, 0
    for one in tree(process):
        try:
            lines = Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        number += 1
    return total / 2**20, number


def large_set(number: int = 1000) -> None:
    """Slices of 512x512 with 4 workers: what lies on disk, what is resident, how often a slice is decoded.

    A tenth of the decoded set would fit into `data.cache_gb`, so it is kept on disk.
    """
    (ROOT / "outputs").mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=ROOT / "outputs"))
    notes, started = folder / "notes", time.time()
    environment = os.environ | {"PYTHONPATH": str(ROOT), "UNET_LIGHTNING_NOTES": str(notes)}
    sizes = [f"data.number={number}", f"data.cache_gb={number / 10_000:g}"]
    command = [
        sys.executable,
        "train.py",
        *SLICES,
        *sizes,
        f"data.cache_dir={folder}/cache",
        f"hydra.run.dir={folder}/run",
    ]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        most = (0.0, 0)
        while process.poll() is None:
            most = max(most, resident(process.pid))
            time.sleep(0.5)
    text = (folder / "log").read_text()
    assert process.returncode == 0, text
    size = sum(path.stat().st_size for path in folder.glob("cache/*/*")) / 2**30
    print(
        f"{number:,} slices of 512x512, 4 workers, 2 epochs: at most {most[0]:.2f} GiB resident in {most[1]} processes "
        f"(PSS), {size:.1f} GiB on disk, {notes.stat().st_size} slices decoded, {time.time() - started:.0f} s"
    )
    shutil.rmtree(folder)


def checking(number: int = 2000) -> None:
    """`validate` on pictures of 512x512 with 16-bit instances, in two processes."""
    (ROOT / "outputs").mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=ROOT / "outputs"))
    write_pictures(folder / "set", number // 50)
    code = "from unet_lightning.cli import main; main()"
    choice = ["data=folder", f"data.root={folder}/set", "data.num_workers=2", f"--sheet={folder}/sheet.png"]
    before, started = os.times(), time.time()
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code, "validate", *choice], env=environment, check=True, capture_output=True)
    after, wall = os.times(), time.time() - started
    cpu = sum(after[2:4]) - sum(before[2:4])
    text = f"validate, {number:,} pictures of 512x512 with instances, 2 processes: {wall:.0f} s"
    print(f"{text}, {cpu:.0f} s of processor time")
    shutil.rmtree(folder)


def write_pictures(folder: Path, number: int) -> None:
    """Drawings, each fifty times with other noise in a corner."""
    from unet_lightning.data.synthetic import find

    drawn = find(("background", "cell"), number=number, height=512, width=512, cells=40, noise=0.05, seed=0)
    random = np.random.default_rng(0)
    for kind in ("images", "instances"):
        (folder / kind).mkdir(parents=True)
    for record in drawn.records:
        sample = drawn.read(record)
        label = cv2.imencode(".png", sample.instances.astype(np.uint16))[1].tobytes()
        for k in range(50):
            sample.image[:8, :8] = random.integers(0, 255, (8, 8, 1))
            cv2.imwrite(str(folder / "images" / f"{record.id}-{k}.png"), sample.image)
            (folder / "instances" / f"{record.id}-{k}.png").write_bytes(label)


if __name__ == "__main__":
    large_set(10_000)
    checking(10_000)
