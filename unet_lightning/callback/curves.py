"""Scores of every class, the confusion matrix and precision-recall curves for the loggers."""

from typing import Any

import lightning as L

from unet_lightning.logger.base import recorders
from unet_lightning.metric.precision_recall import precision_recall
from unet_lightning.metric.semantic import class_scores
from unet_lightning.page.matrix import matrix_picture

SHOWN = ("dice", "iou")


class Curves(L.Callback):
    """Logs after every validation: pooled Dice and IoU of each class, the confusion matrix as a
    picture, and the precision-recall curve of each class against the rest over the pixels' probabilities.
    """

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Log scores, matrix and curves."""
        task: Any = pl_module
        if trainer.sanity_checking or not trainer.is_global_zero or not trainer.loggers or "val" not in task.confusions:
            return
        step, names = trainer.global_step, task.identity["classes"]
        total = task.confusions["val"].sum(0).cpu()
        scores = class_scores(total)
        values = {f"classes/{score}/{name}": float(scores[score][k]) for k, name in enumerate(names) for score in SHOWN}
        for logger in trainer.loggers:
            logger.log_metrics(values, step)
        picture = matrix_picture(total.numpy(), names)
        for recorder in recorders(trainer):
            recorder.picture("confusion/validation", picture, step)
            for k, name in enumerate(names):
                curve = precision_recall(task.histograms["val"][k].cpu())
                recorder.precision_recall(f"precision-recall/{name}", curve, step)
