"""The post-processing chosen on the validation split at the end of training, as `unet-lightning tune` chooses it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from unet_lightning.config.instantiate import instantiate
from unet_lightning.evaluation.tune import Pair, scored_candidates, simplest
from unet_lightning.prediction.load import tuned_path
from unet_lightning.runtime.files import write_json
from unet_lightning.training.build import Run


def tune_postprocess(run: Run, checkpoint: str) -> dict[str, Any]:
    """Choose by the network as it is, score with it from then on, and store it beside the checkpoint.

    Returns what is stored: config node, score, split, and how many were tried.
    """
    task, data = run.task.to(run.trainer.strategy.root_device), run.data
    images = data.images("val")
    scored = len(task.confusions["val"]) if "val" in task.confusions else len(images)  # limit_val_batches
    pairs: list[Pair] = []
    for index, record in enumerate(images.records[:scored]):
        with task.trainer.precision_plugin.forward_context():
            outputs = task.predict(images[index]["image"].to(task.device))
        pairs.append((task.inference.target.ids(outputs).cpu().numpy(), data.store[record]))
    tried = scored_candidates(task.identity["config"], pairs)
    score, node = simplest(tried)
    task.inference = replace(task.inference, postprocess=instantiate(node))
    found = {"postprocess": node, "score": score, "split": "val", "tried": len(tried)}
    if run.trainer.is_global_zero:
        write_json(tuned_path(Path(checkpoint)), found)
    return found
