"""Scores of every class, the confusion matrix and precision-recall curves in TensorBoard."""

from typing import Any

import lightning as L
import torch
from lightning.pytorch.loggers import TensorBoardLogger

from unet_lightning.metric.semantic import class_scores
from unet_lightning.page.picture import heat


class Curves(L.Callback):
    """Logs after every validation: pooled Dice and IoU of each class, the confusion matrix with rows (labelled) that
    sum to 1, and the precision-recall curve of each class against the rest over the pixels' probabilities.
    """

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Log scores, matrix and curves."""
        task: Any = pl_module
        if trainer.sanity_checking or not isinstance(trainer.logger, TensorBoardLogger) or "val" not in task.confusions:
            return
        writer, step, names = trainer.logger.experiment, trainer.global_step, task.identity["classes"]
        total = task.confusions["val"].sum(0).cpu()
        scores = class_scores(total)
        for k, name in enumerate(names):
            for score in ("dice", "iou"):
                writer.add_scalar(f"classes/{score}/{name}", float(scores[score][k]), step)
        shares = total.double() / total.sum(1, keepdim=True).clamp_min(1)
        side = max(24, 240 // len(names))
        cells = heat(shares.numpy().repeat(side, 0).repeat(side, 1), largest=1.0)
        writer.add_image(
            f"confusion/rows labelled, columns predicted: {', '.join(names)}", cells, step, dataformats="HWC"
        )
        for k, name in enumerate(names):
            self._precision_recall(writer, f"precision-recall/{name}", task.histograms["val"][k].cpu(), step)

    @staticmethod
    def _precision_recall(writer: Any, tag: str, histogram: torch.Tensor, step: int) -> None:
        """histogram: (2, bins) pixels by the predicted probability of the class: other classes, then this class."""
        below_rest, below_class = histogram.flip(1).cumsum(1).flip(1).double()
        rest, own = histogram.sum(1).double()
        precision = below_class / (below_class + below_rest).clamp_min(1)
        recall = below_class / own.clamp_min(1)
        writer.add_pr_curve_raw(
            tag,
            true_positive_counts=below_class,
            false_positive_counts=below_rest,
            true_negative_counts=rest - below_rest,
            false_negative_counts=own - below_class,
            precision=precision,
            recall=recall,
            global_step=step,
            num_thresholds=histogram.shape[1],
        )
