"""A verdict in words: better than a threshold or not, which images fail and what they share, what to try first."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

import numpy as np

from unet_lightning.error import printable
from unet_lightning.evaluation.interval import interval, weighted_mean
from unet_lightning.page.number import format_number

RESAMPLES = 2000
FAILED = 0.5  # foreground Dice below which an image has failed
NAMED = 3  # images that are named
FEW = 5  # independent groups below which an interval is no more than a hint
SMALL = 0.02  # share of the pixels below which an image has little foreground
JOINED = 0.05  # share of the labelled objects that run together


@dataclass(frozen=True)
class Judged:
    """An image that was scored. dice, otsu: of the foreground, by the network and by Otsu's threshold; nan where there
    is none. foreground: share of the labelled pixels. group: images of one group aren't independent.
    """

    name: str
    group: str
    kind: str
    dice: float
    otsu: float
    foreground: float


def verdict(
    images: Sequence[Judged],
    plain: Mapping[str, Any],
    counts: Mapping[str, int] | None = None,
    rising: bool = False,
) -> list[str]:
    """Sentences about the images of a split.

    plain: the config that was trained. counts: of objects, as of metric.instance. rising: whether the last epoch was
    the best one.
    """
    scored = [image for image in images if not isnan(image.dice)]
    if not scored:
        return ["No image has foreground, labelled or predicted: there is nothing to judge."]
    compared = [image for image in scored if not isnan(image.otsu)]
    better = against_threshold(compared) if compared else []
    return [*better, *failures(scored), *advice(scored, compared, plain, counts, rising)]


def against_threshold(images: Sequence[Judged]) -> list[str]:
    """Whether the network is better than Otsu's threshold, by the mean difference of Dice and its interval."""
    gains = np.array([image.dice - image.otsu for image in images])
    low, high = interval(weighted_mean(gains), [image.group or image.name for image in images], RESAMPLES)
    means = f"Dice {format_number(_mean(images, 'dice'))} against {format_number(_mean(images, 'otsu'))}, mean of"
    groups = len({image.group or image.name for image in images})
    on = f"{len(images)} images" + (f" of {groups} groups" if groups < len(images) else "")
    if isnan(low):
        return [f"Against Otsu's threshold: {means} {on}; one group alone tells nothing about others."]
    few = f"; {groups} of them tell little about others" if groups < FEW else ""
    said = "better than" if low > 0 else "worse than" if high < 0 else "not to be told apart from"
    return [
        f"The network is {said} Otsu's threshold: {means} {on}; difference {gains.mean():+.3f}, 95 % interval "
        f"{low:+.3f} to {high:+.3f}; ahead on {int((gains > 0).sum())} of {len(images)}{few}."
    ]


def failures(images: Sequence[Judged]) -> list[str]:
    """The images whose Dice is below one half, and what they share that the others don't."""
    failed = sorted((image for image in images if image.dice < FAILED), key=lambda image: image.dice)
    if not failed:
        worst = min(images, key=lambda image: image.dice)
        return [f"No image fails; the lowest foreground Dice is {format_number(worst.dice)} ({printable(worst.name)})."]
    names = ", ".join(f"{printable(image.name)} ({format_number(image.dice)})" for image in failed[:NAMED])
    more = f" and {len(failed) - NAMED} more" if len(failed) > NAMED else ""
    others = [image for image in images if image.dice >= FAILED]
    return [f"{len(failed)} of {len(images)} images have a foreground Dice below one half: {names}{more}."] + [
        text for text in (_shared_kind(failed, others), _little(failed, others)) if text
    ]


def advice(
    images: Sequence[Judged],
    compared: Sequence[Judged],
    plain: Mapping[str, Any],
    counts: Mapping[str, int] | None,
    rising: bool,
) -> list[str]:
    """What to try first, one thing: the first that applies."""
    if rising:
        timed = plain["trainer"]["callbacks"].get("deadline", {}).get("minutes")
        how = "in another run with more minutes" if timed else "a larger trainer.max_epochs goes on"
        return [f"To try first: train longer, the last epoch was the best one ({how})."]
    if compared and _mean(compared, "dice") <= _mean(compared, "otsu"):
        return ["To try first: train longer, or let the plan choose: plan=auto plan.minutes=20."]
    if counts and counts["joined"] > JOINED * max(1, counts["references"]):
        share = f"{counts['joined']} of {counts['references']} labelled objects run together"
        return [f"To try first: {_parting(plain)}, since {share}."]
    if any(image.dice < FAILED for image in images):
        return ["To try first: look at the failed images and their labels, and label more like them."]
    return []


def _parting(plain: Mapping[str, Any]) -> str:
    """What parts objects and wasn't used."""
    border = "border" in str(plain["weight"]).lower()
    missing = [*([] if border else ["weight=border"]), *([] if plain.get("tune") else ["tune=true"])]
    return " and ".join(missing) or "label more objects that touch, or train longer"


def _shared_kind(failed: Sequence[Judged], others: Sequence[Judged]) -> str:
    kinds = Counter(image.kind for image in failed if image.kind)
    if not kinds:
        return ""
    kind, number = kinds.most_common(1)[0]
    fine = sum(image.kind == kind for image in others)
    if number <= fine:
        return ""
    return f"{number} of them are of the kind {printable(kind)}{_rest(fine)}."


def _little(failed: Sequence[Judged], others: Sequence[Judged]) -> str:
    few = sum(image.foreground < SMALL for image in failed)
    fine = sum(image.foreground < SMALL for image in others)
    if few * 2 <= len(failed) or few <= fine:
        return ""
    return f"{few} of them have less than {100 * SMALL:.0f} % foreground{_rest(fine)}."


def _rest(fine: int) -> str:
    """How many alike don't fail."""
    return (
        f"; {fine} other such {'image does' if fine == 1 else 'images do'}n't fail" if fine else ": all that there are"
    )


def _mean(images: Sequence[Judged], name: str) -> float:
    values: list[Any] = [getattr(image, name) for image in images]
    return float(np.mean(values))
