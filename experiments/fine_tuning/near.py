"""A hundred pictures of nuclei that the bundled ones don't hold, as a data set."""

import csv
import os
from pathlib import Path

from unet_lightning.data.nuclei import ROOT as BUNDLED
from unet_lightning.error import InputError

PLACE = "dsb2018/flat"
MANIFEST = Path("outputs/studies/fine_tuning/near/manifest.csv")
NUMBER = 100


def overrides() -> list[str]:
    """The set's, once a manifest with its files is written: of the pictures of DSB 2018 (BBBC038) that aren't bundled
    the first by name. InputError where they aren't there.
    """
    root = Path(os.environ.get("UNET_LIGHTNING_DATA", ""), PLACE).absolute()
    if not root.is_dir():
        raise InputError(f"near: there is no {root}; set UNET_LIGHTNING_DATA to the folder that holds {PLACE}")
    bundled = {path.stem for path in (BUNDLED / "images").iterdir()}
    images = [path for path in sorted((root / "images").glob("*.png")) if path.stem[:12] not in bundled]
    MANIFEST.parent.mkdir(parents=True, exist_ok=True)
    with MANIFEST.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "image", "instances"])
        writer.writerows([path.stem[:12], path, root / "instances" / path.name] for path in images[:NUMBER])
    return [
        *("data=folder", f"data.root={MANIFEST.parent.absolute()}", "data.manifest=manifest.csv"),
        "data.classes=[background,nucleus]",
    ]
