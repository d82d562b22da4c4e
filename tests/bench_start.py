"""How long a command takes to start, a part of `make bench`: processor seconds of whole processes, on one thread."""

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np

from tests.small import train

ROOT = Path(__file__).parents[1]
TRAINING = (
    "import lightning.pytorch, albumentations, skimage.segmentation, numba, zarr, torch._dynamo"  # not for labels
)
BEFORE_A_STEP = """
import time
import torch, lightning.pytorch.callbacks, lightning.pytorch.loggers
start = time.process_time()
import unet_lightning.command.train, unet_lightning.config.check, unet_lightning.sweep.trial
import unet_lightning.training.run
imported = time.process_time() - start
print(f"{imported:.2f}")
"""


def seconds(*command: str, cwd: Path | None = None) -> float:
    """Least processor time of two runs of a command."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    found = []
    for _ in range(2):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, cwd=cwd, env=environment, check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        found.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(found)


def starting() -> None:
    """Loading a checkpoint, one small picture, a composed config; and with the imports that only training needs."""
    python, loading = sys.executable, "from unet_lightning import load; load"
    plain, heavy = seconds(python, "-c", loading), seconds(python, "-c", f"{TRAINING}; {loading}")
    print(f"from unet_lightning import load: {plain:.1f} processor s; with what training imports {heavy:.1f} s")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        train(folder / "run", "trainer.max_steps=1")
        picture = np.random.default_rng(0).integers(0, 255, (256, 256)).astype(np.uint8)
        cv2.imwrite(str(folder / "a.png"), picture)
        places = (folder / "run/checkpoints/best.ckpt", folder / "a.png", "--output", folder / "labels", "--overwrite")
        typed = ["predict", *map(str, places)]
        code = f"import sys; sys.argv[1:] = {typed}; from unet_lightning.cli import main; main()"
        plain, heavy = seconds(python, "-c", code), seconds(python, "-c", f"{TRAINING}; {code}")
        print(f"predict of one 256x256 picture: {plain:.1f} processor s; with what training imports {heavy:.1f} s")
        composed = seconds(python, str(ROOT / "train.py"), "--cfg", "job", cwd=folder)
    print(f"train.py --cfg job: {composed:.2f} processor s")
    print(f"imports of a training run beyond torch and lightning: {importing():.2f} processor s")


def importing() -> float:
    """Least processor time of those imports, of three runs; one before them writes the byte code."""
    with tempfile.TemporaryDirectory() as folder:
        written = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": folder}
        environment = os.environ | {"OMP_NUM_THREADS": "1"} | written
        command = [sys.executable, "-c", BEFORE_A_STEP]
        texts = [subprocess.check_output(command, env=environment, cwd=ROOT, text=True) for _ in range(4)]
    return min(float(text) for text in texts[1:])


if __name__ == "__main__":
    starting()
