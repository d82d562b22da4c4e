"""The sets of a race: where each lies below UNET_LIGHTNING_DATA, how it is divided, and how long a race takes."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unet_lightning.config.check import resolve
from unet_lightning.config.compose import compose
from unet_lightning.error import InputError
from unet_lightning.pipeline.find import find_dataset
from unet_lightning.record import DataSet

ROOT = "UNET_LIGHTNING_DATA"


@dataclass(frozen=True)
class RaceSet:
    """A set. place: its folder below UNET_LIGHTNING_DATA; empty for the one that comes with the package. overrides:
    those that say how it is read and divided. seconds: processor seconds of each contestant. crop: side in pixels of a
    rival's training crops. upright: whether its pictures have an up and a down.
    """

    name: str
    title: str
    place: str
    overrides: tuple[str, ...]
    seconds: int = 400
    crop: int = 128
    upright: bool = False

    def data_overrides(self) -> list[str]:
        """The overrides with the folder; InputError where the set isn't there."""
        if not self.place:
            return list(self.overrides)
        root = os.environ.get(ROOT)
        if not root:
            raise InputError(f"{self.name}: {ROOT} is not set; set it to the folder that holds {self.place}")
        folder = Path(root, self.place).absolute()
        if not folder.is_dir():
            raise InputError(f"{self.name}: there is no {folder}; put the set there, or set {ROOT} to another folder")
        return [*self.overrides, f"data.root={folder}"]

    def dataset(self) -> DataSet:
        """Its records with their splits; InputError where it isn't there or something is wrong with it."""
        found = find_dataset(resolve(compose(self.data_overrides())))
        if found.findings:
            raise InputError("\n".join(found.findings))
        return found


SETS = {
    one.name: one
    for one in (
        RaceSet("nuclei", "bundled nuclei", "", ("data=nuclei",)),
        RaceSet(
            "dic_hela",
            "DIC-HeLa, held-out time block",
            "ctc/DIC-C2DH-HeLa",
            ("data=ctc", "data.labels=both", "data.sequences=['01']"),
            seconds=900,
            crop=256,
        ),
        RaceSet("drive", "DRIVE, fold 0 of 4", "drive", ("data=drive", "data.fold=0", "data.folds=4")),
        RaceSet(
            "isbi2012",
            "ISBI 2012, fold 0 of 5 by depth",
            "isbi2012",
            ("data=isbi2012", "data.instances=true", "data.fold=0", "data.folds=5"),
        ),
        RaceSet("camvid", "CamVid, its lists", "camvid/CamVid", ("data=camvid",), upright=True),
    )
}


def chosen(names: Sequence[str]) -> list[RaceSet]:
    """The sets of these names, or all of them; InputError for another name."""
    if unknown := [name for name in names if name not in SETS]:
        raise InputError(f"{unknown[0]} is no set of the race; expected one of {', '.join(SETS)}")
    return [SETS[name] for name in names or SETS]


def describe(dataset: DataSet) -> dict[str, Any]:
    """How many images each split has."""
    return {name: len(dataset.split(name)) for name in ("train", "val", "test")}
