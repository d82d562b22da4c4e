"""The MONAI recipe on a set of the race, in a process of its own: `python -m experiments.race.monai_run SET FOLDER`.

Writes curve.json, with the scores of each validation, and test.npz, with the predicted classes of the test pictures.
Reading the pictures counts, predicting the test split does not.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from experiments.processor_time import CURVE, processor_seconds
from experiments.race import monai_recipe
from experiments.race.predicted import write_predicted
from experiments.race.scoring import validation_scores
from experiments.race.sets import SETS
from unet_lightning.runtime.files import write_json
from unet_lightning.sample import Sample


def main(name: str, folder: Path) -> None:
    """Train, choose by validation, predict the test split once."""
    torch.set_num_threads(1)
    began = processor_seconds()
    race_set = SETS[name]
    dataset = race_set.dataset()
    samples = {split: [dataset.read(record) for record in dataset.split(split)] for split in ("train", "val", "test")}
    classes = len(dataset.classes)
    void = classes > 2 and not all(sample.valid.all() for sample in samples["train"])
    items = {split: [item(sample, classes * void) for sample in found] for split, found in samples.items()}
    task = monai_recipe.Task(items["train"][0]["image"].shape[0], classes, void, race_set.crop, race_set.upright)
    network, points = monai_recipe.train(
        task, items["train"], items["val"], race_set.seconds, lambda: processor_seconds() - began, seed=0
    )
    taken = processor_seconds() - began
    predicted = monai_recipe.predict(network, task, monai_recipe.prepared(items["test"]))
    curve = [
        {
            "seconds": round(p.seconds, 1),
            "step": p.step,
            "scores": validation_scores(dataset, samples["val"], p.predicted),
        }
        for p in points
    ]
    folder.mkdir(parents=True, exist_ok=True)
    ids = [record.id for record in dataset.split("test")]
    write_predicted(folder, dict(zip(ids, predicted, strict=True)))
    write_json(folder / CURVE, {"seconds": round(taken, 1), "points": curve})


def item(sample: Sample, void: int) -> dict[str, Any]:
    """A sample as MONAI's dictionary transforms take it. void: the class of ignored pixels; 0 makes them background."""
    label = np.where(sample.valid, sample.mask, void).astype(np.uint8)
    return {"image": sample.image.transpose(2, 0, 1).astype(np.float32), "label": label[None]}


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
