"""The post-processing chosen on the validation split at the end of training, as `unet-lightning tune` chooses it, and
with tune=views also whether views of an image are averaged.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from unet_lightning.config.instantiate import instantiate
from unet_lightning.config.overlay import compose_over_checkpoint
from unet_lightning.config.plain import plain_config
from unet_lightning.evaluation.tune import ENOUGH, Pair, Scored, scored_candidates, simplest
from unet_lightning.prediction.load import tuned_path
from unet_lightning.runtime.files import write_json
from unet_lightning.training.build import Run

VIEWS = "flips"  # what is tried beside the views of the config


def tune_postprocess(run: Run, checkpoint: str) -> dict[str, Any]:
    """Choose by the network as it is, score with it from then on, and store it beside the checkpoint.

    Returns what is stored: config node, score, split, how many were tried, and the views where they were chosen too.
    """
    task, config = run.task.to(run.trainer.strategy.root_device), run.task.identity["config"]
    tried = scored(run, config)
    score, node = simplest(tried)
    found: dict[str, Any] = {"postprocess": node, "score": score, "split": "val", "tried": len(tried)}
    if config["tune"] == "views":
        plain, views = task.inference, plain_config(compose_over_checkpoint(config, [f"tta={VIEWS}"]))["tta"]
        task.inference = replace(plain, tta=instantiate(views))
        tried = scored(run, config)
        score, other = simplest(tried)
        found["tried"] += len(tried)
        if score > found["score"] + ENOUGH:
            found |= {"postprocess": other, "score": score, "tta": views}
        else:
            task.inference = plain
    task.inference = replace(task.inference, postprocess=instantiate(found["postprocess"]))
    if run.trainer.is_global_zero:
        write_json(tuned_path(Path(checkpoint)), found)
    return found


def scored(run: Run, config: Mapping[str, Any]) -> list[Scored]:
    """Score and config node of every candidate on the validation split."""
    task, images = run.task, run.data.images("val")
    number = len(task.confusions["val"]) if "val" in task.confusions else len(images)  # limit_val_batches
    pairs: list[Pair] = []
    for index, record in enumerate(images.records[:number]):
        with task.trainer.precision_plugin.forward_context():
            outputs = task.predict(images[index]["image"].to(task.device))
        pairs.append((task.inference.target.ids(outputs).cpu().numpy(), run.data.store[record]))
    return scored_candidates(config, pairs)
