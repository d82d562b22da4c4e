"""A small cross-validation that several tests share: a set with a published test split, and a sweep over its folds."""

import csv
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from tests.small import QUIET, TINY_NETWORK
from unet_lightning.cli import train

FOLDS = 3
TYPED = [
    *("data=folder", "data.classes=[background,low,high]", f"data.folds={FOLDS}", "data.crop=16", "data.batch_size=4"),
    *("data.crops_per_image=8", "data.min_steps=1", "tile=32", "trainer.max_epochs=8", "trainer.precision=32-true"),
    "data.cache_dir=null",
    *(*TINY_NETWORK, *QUIET, "normalize=dataset", "optimizer.lr=0.02"),
]


@dataclass(frozen=True)
class CrossValidation:
    """The folder of the set, and that of the sweep."""

    root: Path
    sweep: Path

    @property
    def checkpoints(self):
        return [self.sweep / f"data.fold={k}" / "checkpoints" / "best.ckpt" for k in range(FOLDS)]


def write_set(root, number=9, tests=2):
    """Pictures (36, 40) of two classes of blobs; the last ones are the test split."""
    for name in ("images", "masks"):
        (root / name).mkdir(parents=True)
    rows = []
    for k in range(number + tests):
        random = np.random.default_rng(k)
        smooth = gaussian_filter(random.random((36, 40)), 2)
        mask = np.digitize(smooth, np.quantile(smooth, [0.6, 0.85])).astype(np.uint8)
        picture = (40 + 60 * mask + random.normal(0, 25, mask.shape)).clip(0, 255).astype(np.uint8)
        Image.fromarray(picture).save(root / "images" / f"{k:02d}.png")
        Image.fromarray(mask).save(root / "masks" / f"{k:02d}.png")
        split = "test" if k >= number else "train"
        rows.append({"image": f"images/{k:02d}.png", "mask": f"masks/{k:02d}.png", "split": split})
    with (root / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def sweep(folder, *arguments):
    """Run a sweep as typed, in a folder; its exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["train.py", "-m", *arguments])
        with pytest.raises(SystemExit) as caught:
            train()
    return int(caught.value.code)


def cross_validate(folder):
    """Train every fold."""
    write_set(folder / "set")
    folds = ",".join(map(str, range(FOLDS)))
    assert sweep(folder, *TYPED, f"data.root={folder / 'set'}", f"data.fold={folds}", "run=cv") == 0
    return CrossValidation(folder / "set", folder / "outputs" / "cv")
