"""`python -m experiments.fine_tuning few`: 8 frames of DIC-HeLa, from new weights and from those of nuclei.

Three minutes of processor time each, three seeds. The model of nuclei is trained first, once, in six minutes.
"""

import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence
from pathlib import Path

from experiments.race.sets import SETS
from experiments.timed import Timed, run_missing, train
from unet_lightning.error import InputError

SEEDS = (0, 1, 2)
BASE = "studies/fine_tuning/nuclei"
CHECKPOINT = Path("outputs", BASE, "checkpoints", "best.ckpt").absolute()
WIDTH = "model.base_channels=8"  # what the plan chooses in three minutes of one thread
PLAN = ("plan=auto", "plan.minutes=3", "data.train_images=8", WIDTH)
STARTS = {
    "new weights": (),
    "nuclei": (f"init={CHECKPOINT}",),
    "nuclei at a tenth of the rate": (f"init={CHECKPOINT}", "init_lr=0.1"),
    "nuclei with a frozen encoder": (f"init={CHECKPOINT}", "freeze=encoder"),
}


def few() -> list[Timed]:
    """Eight frames, evenly spread over the training block."""
    data = SETS["dic_hela"].data_overrides()
    return [
        Timed({"begins with": start}, [*data, *PLAN, *overrides], seed)
        for seed in SEEDS
        for start, overrides in STARTS.items()
    ]


PRESETS = {"few": few}


def main(arguments: Sequence[str]) -> int:
    """Train the model of nuclei where it isn't there, then what is missing of a preset."""
    rules = ArgumentParser(
        prog="python -m experiments.fine_tuning", description=__doc__, formatter_class=RawDescriptionHelpFormatter
    )
    rules.add_argument("preset", choices=PRESETS)
    typed = rules.parse_args(arguments)
    trials = PRESETS[typed.preset]()
    if not CHECKPOINT.is_file():
        train(BASE, ["plan=auto", "plan.minutes=6", WIDTH])
    run_missing("fine_tuning", typed.preset, trials)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except InputError as error:
        sys.exit(f"error: {error}")
