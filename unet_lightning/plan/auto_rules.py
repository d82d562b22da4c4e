"""The rules of the plan for a given time, each from what was measured to the values it chooses."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor
from typing import Any

from unet_lightning.callback.shortened import images_scored
from unet_lightning.plan.base import Choice
from unet_lightning.plan.measured import Measured
from unet_lightning.plan.trial import Timing
from unet_lightning.tiling.grid import round_up

WIDTHS = (8, 16, 32, 64)  # channels at the finest level
STEPS = 500  # a network is no wider than lets this many be trained
PIXELS = 16 * 128**2  # of a batch
CROPS = (128, 256)
TILTED = 0.1  # share of the height
TOUCHING = 0.05  # share of the objects
WIDE = 40  # pixels across the median object, from which on the border weight parts objects
SIGMA = 5.0  # pixels, at most
VALIDATIONS = (10, 40)
VALIDATING = 0.1  # share of the training time
TUNING = 0.2  # share of the time that the choice of the post-processing may take
VIEWING = 0.06  # share of the time that predicting several views of each image may take at the end
MARGIN = 1.5  # more steps are planned than the trial promises: the deadline leaves out steps, and adds none


@dataclass(frozen=True)
class Budget:
    """Seconds that training and its validations have, and the number of validation images."""

    training: float
    images: int


def crop_rule(found: Measured) -> list[Choice]:
    """Crop and batch: the crop shows large objects whole, with their surroundings."""
    crop = CROPS[0]
    if found.instances and found.large:
        crop = min(CROPS[1], max(CROPS[0], round_up(round(1.5 * found.large), 32)))
    batch = max(4, round(PIXELS / crop**2))
    why = f"one and a half times a large object ({found.large:.0f} pixels), within {CROPS[0]} and {CROPS[1]}"
    return [
        Choice("data.crop", crop, why if found.instances else "without instances the default"),
        Choice("data.batch_size", batch, f"as many pixels as 16 crops of 128, {batch * crop**2 / 1e3:.0f} thousand"),
    ]


def width_rule(timings: Sequence[Timing], budget: Budget, kept: bool = False) -> list[Choice]:
    """The widest network that still gets enough steps, and how many these are.

    kept: there is one width alone, that of the checkpoint whose weights are taken over.
    """
    fast = [one for one in timings if steps_of(one, budget) >= STEPS]
    chosen = fast[-1] if fast else timings[0]
    steps = steps_of(chosen, budget)
    validations = validations_of(chosen, budget)
    per_epoch = max(1, round(steps / validations))
    share = 100 * validations * budget.images * chosen.image / budget.training
    widest = f"the widest of {', '.join(map(str, WIDTHS))} that {STEPS} steps can be trained of in the time"
    why = "that of init=…, whose weights fit no other" if kept else widest
    return [
        Choice("model.base_channels", chosen.width, f"{why}; of this one {steps} can, {chosen.step:.2f} s each"),
        Choice(
            "data.steps",
            per_epoch,
            f"steps between two of {validations} validations, {share:.0f} % of the training time; a tenth is aimed at, "
            f"within {VALIDATIONS[0]} and {VALIDATIONS[1]} of them, and half of it at most",
        ),
        Choice(
            "trainer.max_epochs",
            round(MARGIN * validations),
            f"{MARGIN:g} times what the trial promises; the deadline leaves out what doesn't fit",
        ),
    ]


def steps_of(timing: Timing, budget: Budget) -> int:
    """The training steps that fit beside the validations."""
    validating = validations_of(timing, budget) * budget.images * timing.image
    return max(1, floor((budget.training - validating) / timing.step))


def validations_of(timing: Timing, budget: Budget) -> int:
    """How often the validation split is scored: in a tenth of the time, within 10 and 40 times."""
    possible = VALIDATING * budget.training / max(1e-9, budget.images * timing.image)
    least = max(1, min(VALIDATIONS[0], floor(0.5 / VALIDATING * possible)))  # in half of the time at most
    return max(least, min(VALIDATIONS[1], floor(possible)))


def augment_rule(found: Measured) -> list[Choice]:
    """Pictures with an up and a down are mirrored left to right alone and turned little."""
    if found.tilt < TILTED:
        why = f"no class lies high or low in the pictures (at most {found.tilt:.2f} of the height from the middle)"
        return [Choice("augment", "rotate", why + ": all directions are alike")]
    why = f"a class lies {found.tilt:.2f} of the height from the middle: the pictures have an up and a down"
    return [Choice("augment", "upright", why)]


def touching_rule(found: Measured) -> list[Choice]:
    """Where large objects touch: the border weight of eq. (6), as wide as a tenth of an object, and a ridge."""
    if not found.instances:
        return []
    share = f"{100 * found.touching:.0f} % of the objects touch another"
    if found.touching < TOUCHING:
        return [Choice("weight", "none", share)]
    if found.median < WIDE:
        return [Choice("weight", "none", f"{share}, but they are small: it parts none below {WIDE} pixels")]
    sigma = round(min(SIGMA, found.median / 10), 1)
    return [
        Choice("weight", "border", share),
        Choice("weight.sigma", sigma, f"a tenth of the median object ({found.median:.0f} pixels), {SIGMA:g} at most"),
        Choice("data.ridge", 2, "pixels of background between touching objects"),
    ]


def tune_rule(timing: Timing, minutes: float, val: int, test: int, tuning: float = 0.0) -> Choice:
    """What is chosen on the validation split at the end: the post-processing, and where there is time the views.

    tuning: seconds that the choice of the post-processing takes.
    """
    if tuning > TUNING * 60 * minutes:
        why = f"choosing the post-processing would take {tuning:.0f} s of {60 * minutes:g}; unet-lightning tune does"
        return Choice("tune", False, why)
    more = (images_scored("views", val, test) - images_scored(True, val, test)) * timing.image
    text = f"four views of each image take {more:.0f} s more of {60 * minutes:g}"
    if more <= VIEWING * 60 * minutes:
        return Choice("tune", "views", f"post-processing, and whether views are averaged, are chosen: {text}")
    return Choice("tune", True, f"the post-processing is chosen at the end; {text}")


def sampled(crop: Sequence[Choice]) -> dict[str, Any]:
    """The values of `crop_rule` by the names they have in `data`."""
    return {one.key.removeprefix("data."): one.value for one in crop}


def patience_rule(patience: int | None) -> list[Choice]:
    """Where a patience was typed: the run ends when it gains nothing any more."""
    if patience is None:
        return []
    why = f"after {patience} validations without a better score as many are left, and the run ends earlier"
    return [Choice("trainer.callbacks.deadline.patience", patience, why)]


def objects_rule(found: Measured) -> list[Choice]:
    """What the best checkpoint is chosen by."""
    monitor = "trainer.callbacks.checkpoint.monitor"
    if found.instances:
        return [Choice(monitor, "val/objects/pq", "the set is about objects: panoptic quality chooses")]
    return [Choice(monitor, "val/pooled/dice/foreground", "the set has classes and no objects: Dice chooses")]
