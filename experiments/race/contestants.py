"""Who races: this product under several lines of overrides, and a recipe of MONAI."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from experiments.processor_time import read_curve
from experiments.race.predicted import PREDICTED, read_predicted
from experiments.race.scoring import Labels, components
from experiments.race.sets import RaceSet
from unet_lightning.error import InputError
from unet_lightning.prediction.load import load
from unet_lightning.record import DataSet
from unet_lightning.runtime.files import BEST

RUNS = Path("outputs")  # where a run of the product goes, below which the race has its own folder
BORDER = ("augment=paper", "weight=border", "data.ridge=2", "data.crop=256")
DEADLINE = "trainer.callbacks.deadline.minutes={minutes:.4f}"


@dataclass(frozen=True)
class Contestant:
    """overrides: of the product, with {minutes} for the time it has; None is the recipe of MONAI. sets: those on which
    it starts; empty is all.
    """

    name: str
    title: str
    overrides: tuple[str, ...] | None
    sets: tuple[str, ...] = ()

    def folder(self, race_set: RaceSet) -> Path:
        """Where its run on a set is kept."""
        return RUNS / "race" / race_set.name / self.name

    def command(self, race_set: RaceSet) -> list[str]:
        """The command that trains it on a set; a run of the product that was interrupted goes on."""
        if self.overrides is None:
            words = ["experiments.race.monai_run", race_set.name, str(self.folder(race_set))]
        else:
            own = [line.format(minutes=race_set.seconds / 60) for line in self.overrides]
            run = f"run={self.folder(race_set).relative_to(RUNS)}"
            words = ["experiments.processor_time", *race_set.data_overrides(), *own, run]
        return [sys.executable, "-m", *words]

    def train(self, race_set: RaceSet) -> dict[str, Any]:
        """Train on a set unless that is done; seconds and validations. InputError where its process fails."""
        folder = self.folder(race_set)
        if self.overrides is not None or not (folder / PREDICTED).is_file():
            command = self.command(race_set)
            done = subprocess.run(command, check=False, env=os.environ | {"OMP_NUM_THREADS": "1"})
            if done.returncode:
                raise InputError(f"{self.name} on {race_set.name} failed; see above, and try it: {' '.join(command)}")
        return read_curve(folder)

    def labels(self, race_set: RaceSet, dataset: DataSet) -> dict[str, Labels]:
        """Predicted classes and objects of every test image by its id."""
        folder = self.folder(race_set)
        if self.overrides is None:
            return {name: (classes, components(classes)) for name, classes in read_predicted(folder).items()}
        predictor = load(folder / BEST)
        found = {}
        for record in dataset.split("test"):
            classes = predictor.logits(dataset.read(record).data).argmax(0).numpy().astype(np.uint8)
            found[record.id] = predictor.postprocess.apply(classes)
        return found


CONTESTANTS = {
    one.name: one
    for one in (
        Contestant("auto", "`plan=auto`", ("plan=auto", "plan.minutes={minutes:.4f}")),
        Contestant("monai", "MONAI recipe", None),
        Contestant("defaults", "defaults", (DEADLINE,)),
        Contestant("border", f"`{' '.join(BORDER)}`", (DEADLINE, *BORDER), ("dic_hela",)),
    )
}
