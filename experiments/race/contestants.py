"""Who races: this product under several lines of overrides, and a recipe of MONAI."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from experiments import timed
from experiments.processor_time import read_curve
from experiments.race.predicted import PREDICTED, read_predicted
from experiments.race.scoring import Labels, components
from experiments.race.sets import RaceSet
from unet_lightning.error import InputError
from unet_lightning.prediction.load import load
from unet_lightning.record import DataSet
from unet_lightning.runtime.files import BEST, RESULTS, read_results
from unet_lightning.runtime.machine import commit

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

    def run(self, race_set: RaceSet) -> str:
        """The name of its run on a set."""
        return f"race/{race_set.name}/{self.name}"

    def folder(self, race_set: RaceSet) -> Path:
        """Where its run on a set is kept."""
        return Path("outputs", self.run(race_set))

    def own_overrides(self, race_set: RaceSet) -> list[str]:
        """Those of the product, with the set's."""
        lines = [line.format(minutes=race_set.seconds / 60) for line in self.overrides or ()]
        return [*race_set.data_overrides(), *lines]

    def train(self, race_set: RaceSet) -> dict[str, Any]:
        """Train on a set unless that is done; one that was interrupted begins anew, as its clock does. Returns seconds
        and validations. InputError where the rival's process fails, SystemExit where that of a run does.
        """
        folder = self.folder(race_set)
        if not self.finished(folder):
            if self.overrides is None:
                train_rival(race_set, folder)
            else:
                timed.train(self.run(race_set), self.own_overrides(race_set))
        return read_curve(folder)

    def finished(self, folder: Path) -> bool:
        """Whether a folder holds its finished run."""
        if self.overrides is None:
            return (folder / PREDICTED).is_file()
        return (folder / RESULTS).is_file() and read_results(folder)["status"] == "finished"

    def commit(self, race_set: RaceSet) -> str | None:
        """The commit of the code that trained it, of the rival that of its recipe now."""
        return commit() if self.overrides is None else read_results(self.folder(race_set)).get("commit")

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


def train_rival(race_set: RaceSet, folder: Path) -> None:
    """Train the recipe of MONAI in a process of its own, on one thread."""
    command = [sys.executable, "-m", "experiments.race.monai_run", race_set.name, str(folder)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    if subprocess.run(command, check=False, env=environment).returncode:
        raise InputError(f"MONAI on {race_set.name} failed; see above, and try it by itself: {' '.join(command)}")


CONTESTANTS = {
    one.name: one
    for one in (
        Contestant("auto", "`plan=auto`", ("plan=auto", "plan.minutes={minutes:.4f}")),
        Contestant("monai", "MONAI recipe", None),
        Contestant("defaults", "defaults", (DEADLINE,)),
        Contestant("border", f"`{' '.join(BORDER)}`", (DEADLINE, *BORDER), ("dic_hela",)),
    )
}
