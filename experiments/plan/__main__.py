"""The plan's study: `python -m experiments.plan PRESET`, one of

leave_out: each rule left out by itself, 3 minutes of processor time, three seeds;
whole: the plan beside the defaults at 10 minutes, three seeds;
sparse: thirty pictures of few nuclei by the plan and by the defaults, three seeds, each another split.
"""

import sys

from experiments.plan import sparse as thirty
from experiments.race.sets import SETS
from experiments.timed import Timed, preset, run_missing
from unet_lightning.error import InputError

SEEDS = (0, 1, 2)
PLAN = ("plan=auto", "plan.minutes=3")
DEFAULTS = ("trainer.callbacks.deadline.minutes=10",)
RULES = {  # by what the default is in place of a rule's choice
    "nothing": (),
    "crop": ("data.crop=128", "data.batch_size=16"),
    "width": ("model.base_channels=16",),
    "loss": ("loss=ce",),
    "up-sampling": ("upsample=transposed",),
    "directions": ("augment=rotate",),
    "border weight": ("weight=none", "data.ridge=1"),
    "checkpoint": ("trainer.callbacks.checkpoint.monitor=val/pooled/dice/foreground",),
    "post-processing": ("tune=false",),
}
SAME = {  # rules that choose the default on a set
    "nuclei": {"crop", "directions"},
    "dic_hela": {"directions"},
    "camvid": {"crop", "border weight", "checkpoint"},
}


def leave_out() -> list[Timed]:
    """Seed by seed, so that a study that was cut off has as many pairs as there can be."""
    return [
        Timed({"set": name, "left out": rule}, [*SETS[name].data_overrides(), *PLAN, *overrides], seed)
        for seed in SEEDS
        for name in SAME
        for rule, overrides in RULES.items()
        if rule not in SAME[name]
    ]


def whole() -> list[Timed]:
    """Every set by the plan and by the defaults."""
    choices = {"auto": ("plan=auto", "plan.minutes=10"), "none": DEFAULTS}
    return [
        Timed({"set": name, "plan": plan}, [*one.data_overrides(), *overrides], seed)
        for seed in SEEDS
        for name, one in SETS.items()
        for plan, overrides in choices.items()
    ]


def sparse() -> list[Timed]:
    """By the plan in six minutes, and by the defaults at their length."""
    choices = {"auto": ("plan=auto", "plan.minutes=6"), "none": ()}
    return [
        Timed({"set": "sparse", "plan": plan}, [*thirty.overrides(), *overrides], seed)
        for seed in SEEDS
        for plan, overrides in choices.items()
    ]


PRESETS = {"leave_out": leave_out, "whole": whole, "sparse": sparse}


def main() -> None:
    """Run what is missing of a preset."""
    chosen = preset("plan", tuple(PRESETS), str(__doc__))
    run_missing("plan", chosen, PRESETS[chosen]())


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(f"error: {error}")
