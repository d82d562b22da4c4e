"""Post-processing and temperature chosen on the validation split at the end of training, as `unet-lightning tune` does,
and with tune=views also whether views of an image are averaged.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from unet_lightning.config.instantiate import instantiate
from unet_lightning.config.overlay import compose_over_checkpoint
from unet_lightning.config.plain import plain_config
from unet_lightning.evaluation.temperature import TemperatureFit
from unet_lightning.evaluation.tune import ENOUGH, Pair, Tuned, scored_candidates
from unet_lightning.prediction.load import tuned_path
from unet_lightning.runtime.files import write_json
from unet_lightning.training.build import Run

VIEWS = "flips"  # what is tried beside the views of the config


def tune_postprocess(run: Run, checkpoint: str) -> dict[str, Any]:
    """Choose by the network as it is, score with it from then on, and store it beside the checkpoint.

    Returns what is stored: config node, score, split, how many were tried, the temperature, and the views where they
    were chosen too.
    """
    task, config = run.task.to(run.trainer.strategy.root_device), run.task.identity["config"]
    found = tuned(run, config).content()
    if config["tune"] == "views":
        plain, views = task.inference, plain_config(compose_over_checkpoint(config, [f"tta={VIEWS}"]))["tta"]
        task.inference = replace(plain, tta=instantiate(views))
        averaged = tuned(run, config).content()
        number = found["tried"] + averaged["tried"]
        if averaged["score"] > found["score"] + ENOUGH:
            found = averaged | {"tta": views}
        else:
            task.inference = plain
        found["tried"] = number
    task.inference = replace(task.inference, postprocess=instantiate(found["postprocess"]))
    if run.trainer.is_global_zero:
        write_json(tuned_path(Path(checkpoint)), found)
    return found


def tuned(run: Run, config: Mapping[str, Any]) -> Tuned:
    """Try all candidates on the validation split, and fit the temperature of the same predictions."""
    task, images = run.task, run.data.images("val")
    number = len(task.confusions["val"]) if "val" in task.confusions else len(images)  # limit_val_batches
    pairs: list[Pair] = []
    fit = TemperatureFit(task.inference.target)
    for index, record in enumerate(images.records[:number]):
        with task.trainer.precision_plugin.forward_context():
            outputs = task.predict(images[index]["image"].to(task.device))
        sample = run.data.store[record]
        fit.add(outputs, sample.mask, sample.valid)
        pairs.append((task.inference.target.ids(outputs).cpu().numpy(), sample))
    return Tuned(scored_candidates(config, pairs), fit.best())
