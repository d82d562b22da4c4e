"""Thirty dark pictures of few nuclei, on which a threshold is hard to beat: a set such as a beginner has."""

import csv
import os
from pathlib import Path

from unet_lightning.error import InputError

LIST = Path(__file__).parents[1] / "data" / "sparse.csv"
PLACE = "dsb2018/flat"
MANIFEST = Path("outputs/studies/sparse/manifest.csv")


def overrides() -> list[str]:
    """The set's, once a manifest with its files is written: of the pictures of 256x256 pixels of DSB 2018 (BBBC038)
    that are dark and less than a tenth nuclei, the first by name. InputError where they aren't there.
    """
    root = Path(os.environ.get("UNET_LIGHTNING_DATA", ""), PLACE).absolute()
    if not root.is_dir():
        raise InputError(f"sparse: there is no {root}; set UNET_LIGHTNING_DATA to the folder that holds {PLACE}")
    with LIST.open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    MANIFEST.parent.mkdir(parents=True, exist_ok=True)
    with MANIFEST.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "image", "instances"])
        writer.writerows([row["id"], root / row["image"], root / row["instances"]] for row in rows)
    return [
        *("data=folder", f"data.root={MANIFEST.parent.absolute()}", "data.manifest=manifest.csv"),
        "data.classes=[background,nucleus]",
    ]
