"""Our plan: the choices that fit a data set, this machine and a given time."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Le

from unet_lightning.callback.shortened import images_scored
from unet_lightning.error import InputError
from unet_lightning.evaluation.tune import candidates, object_areas, score_candidates
from unet_lightning.page.table import Table
from unet_lightning.pipeline.build import build_data_module
from unet_lightning.pipeline.data_module import DataModule
from unet_lightning.plan.auto_rules import (
    STEPS,
    WIDTHS,
    Budget,
    augment_rule,
    crop_rule,
    objects_rule,
    patience_rule,
    sampled,
    steps_of,
    touching_rule,
    tune_rule,
    width_rule,
)
from unet_lightning.plan.base import Choice, Decision, Plan
from unet_lightning.plan.beside import nnunet_choices
from unet_lightning.plan.measured import Measured, measure_labels
from unet_lightning.plan.trial import TRIED, Timing, time_widths
from unet_lightning.prediction.checkpoint import CHECKPOINT_KEY, read_checkpoint
from unet_lightning.runtime.launch import external_launch

REPORT = 5.0  # seconds for pictures, tables and the ends of processes
TRIAL = 0.05  # share of the time that trials may take
TUNED = 3  # validation images on which the choice of the post-processing is timed
WIDER = 4  # times as long as that of a network is a step of one of twice the width, at most
AIM = 0.97  # share of the time that is planned


class Auto(Plan):
    """Chooses crop, batch, width, length, augmentation, weight, ridge, and what the checkpoint is chosen by.

    minutes: of the whole run, the plan included. patience: validations in a row without a better score after which the
    run ends earlier; None is never.
    """

    def __init__(
        self, minutes: Annotated[float, Ge(1), Le(60 * 24 * 7)], patience: Annotated[int, Ge(1)] | None
    ) -> None:
        self.minutes, self.patience = minutes, patience

    def decide(self, plain: Mapping[str, Any], typed: Mapping[str, Any]) -> Decision:
        """Read the data set once, time a few steps of networks of several widths, and choose."""
        if external_launch() and "TORCHELASTIC_RUN_ID" not in os.environ:
            raise InputError(
                "plan=auto: processes that srun starts would each time the machine; start them by torchrun"
            )
        began = perf_counter()
        data = build_data_module(plain)
        found = measure_labels(data.store, data.dataset.split("train"))
        crop = crop_rule(found)
        sampling = sampled(crop) | {key: plain["data"][key] for key in sampled(crop) if f"data.{key}" in typed}
        asked = (plain["model"]["base_channels"],) if "model.base_channels" in typed else None
        taken_over = width_of(plain["init"]) if plain["init"] and not asked else None
        beside = nnunet_choices(plain, data)
        tuning = self._tuning(plain, data)
        images = {split: len(data.dataset.split(split)) for split in ("val", "test")}

        free = "tune" not in typed and plain["data"].get("resample") is None  # to choose what is done at the end

        def ending(timing: Timing) -> Choice:
            if not free:
                return Choice("tune", plain["tune"], "")
            return tune_rule(timing, self.minutes, **images, tuning=tuning)

        def reserve(timing: Timing) -> float:
            """Seconds of the choices at the end and of the report, without the predictions they need."""
            return REPORT + tuning * {"views": 2, True: 1, False: 0}[ending(timing).value]

        def budget(timing: Timing) -> Budget:
            spent = perf_counter() - began
            scores = images_scored(ending(timing).value, **images) * timing.image
            return Budget(AIM * (60 * self.minutes - spent) - reserve(timing) - scores, images["val"])

        start = perf_counter()

        def goes_on(timing: Timing) -> bool:
            """Whether a wider network may get enough steps, and its trial fits into what trials may take."""
            after = perf_counter() - start + WIDER * TRIED * timing.step
            return steps_of(timing, budget(timing)) >= STEPS and after <= TRIAL * 60 * self.minutes

        timings = time_widths(plain, data, sampling, asked or taken_over or WIDTHS, goes_on)
        length = width_rule(timings, budget(timings[-1]), kept=taken_over is not None)
        chosen = next(one for one in timings if one.width == length[0].value)
        left = max(1.0, 60 * self.minutes - (perf_counter() - began)) / 60
        choices = [
            *crop,
            *length,
            *augment_rule(found),
            *touching_rule(found),
            *objects_rule(found),
            *([ending(chosen)] if free else []),
            Choice("trainer.callbacks.deadline.minutes", round(left, 2), f"what is left of {self.minutes:g} minutes"),
            Choice("trainer.callbacks.deadline.reserve", round(reserve(chosen), 1), "seconds for choices and report"),
            *patience_rule(self.patience),
        ]
        return Decision(tuple(choices), (measurements(data, found, timings), beside))

    def _tuning(self, plain: Mapping[str, Any], data: DataModule) -> float:
        """Seconds that the choice of the post-processing takes, from images whose labels stand for predictions."""
        records = data.dataset.split("val")
        places = np.unique(np.linspace(0, len(records) - 1, TUNED).round().astype(int))
        samples = [data.store[records[place]] for place in places]
        pairs = [(sample.mask, sample) for sample in samples]
        instances = all(sample.instances is not None for sample in samples)
        began = perf_counter()
        nodes = list(candidates(plain, np.concatenate([object_areas(sample) for sample in samples]), instances))
        composed = perf_counter() - began
        score_candidates(nodes, pairs[:1], instances)  # compiles and imports
        began = perf_counter()
        score_candidates(nodes, pairs, instances)
        return composed + (perf_counter() - began) / len(pairs) * len(records)


def width_of(checkpoint: str) -> tuple[int] | None:
    """The width of a checkpoint's network; None where that has no such number. InputError where it is no checkpoint."""
    model = read_checkpoint(Path(checkpoint).expanduser())[CHECKPOINT_KEY]["config"]["model"]
    width = model.get("base_channels")
    return None if width is None else (int(width),)


def measurements(data: DataModule, found: Measured, timings: Sequence[Timing]) -> str:
    """What the choices rest on, as Markdown."""
    statistics = data.statistics
    lines = [
        "## What was measured",
        "",
        f"{statistics.images} training images; objects of {found.small:.0f}, {found.median:.0f} and {found.large:.0f} "
        f"pixels across (10th, 50th and 90th percentile), {100 * found.touching:.0f} % of which touch another; a class "
        f"lies at most {found.tilt:.2f} of the height from the middle.",
        "",
    ]
    rows = [[str(one.width), f"{one.step:.3f}", f"{one.image:.3f}"] for one in timings]
    table = Table("Timed on this machine", ["base channels", "s a step", "s a validation image"], rows, "")
    return "\n".join([*lines, table.markdown()])
