"""Few images, from new weights and from those of a model of the bundled nuclei: `python -m experiments.fine_tuning
PRESET`, one of

far: 8 frames of DIC-HeLa, three minutes of processor time each; near: 6 pictures of other nuclei, a minute and a half.
Three seeds. The model of nuclei is trained first, once, in six minutes.
"""

import sys
from pathlib import Path

from experiments.fine_tuning import near as other_nuclei
from experiments.race.sets import SETS
from experiments.timed import Timed, preset, run_missing, train
from unet_lightning.error import InputError

SEEDS = (0, 1, 2)
BASE = "studies/fine_tuning/nuclei"
CHECKPOINT = Path("outputs", BASE, "checkpoints", "best.ckpt").absolute()
WIDTH = "model.base_channels=8"  # what the plan chooses in three minutes of one thread
STARTS = {
    "new weights": (),
    "nuclei": (f"init={CHECKPOINT}",),
    "nuclei at a tenth of the rate": (f"init={CHECKPOINT}", "init_lr=0.1"),
    "nuclei with a frozen encoder": (f"init={CHECKPOINT}", "freeze=encoder"),
}


def trials(*overrides: str) -> list[Timed]:
    """Every start with every seed."""
    return [
        Timed({"begins with": start}, [*overrides, "plan=auto", WIDTH, *begin], seed)
        for seed in SEEDS
        for start, begin in STARTS.items()
    ]


def far() -> list[Timed]:
    """Eight frames, evenly spread over the training block of the film."""
    return trials(*SETS["dic_hela"].data_overrides(), "data.train_images=8", "plan.minutes=3")


def near() -> list[Timed]:
    """Six pictures of each seed's split."""
    return trials(*other_nuclei.overrides(), "data.train_images=6", "plan.minutes=1.5")


PRESETS = {"far": far, "near": near}


def main() -> None:
    """Train the model of nuclei where it isn't there, then what is missing of a preset."""
    chosen = preset("fine_tuning", tuple(PRESETS), str(__doc__))
    planned = PRESETS[chosen]()
    if not CHECKPOINT.is_file():
        train(BASE, ["plan=auto", "plan.minutes=6", WIDTH])
    run_missing("fine_tuning", chosen, planned)


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(f"error: {error}")
