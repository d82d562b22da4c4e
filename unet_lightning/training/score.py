"""The best checkpoint of a run, scored on the validation and the test split."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor

from unet_lightning.evaluation.verdict import Judged, verdict
from unet_lightning.metric import instance
from unet_lightning.metric.object_classes import summary_by_class
from unet_lightning.metric.semantic import by_kind, class_scores, summary
from unet_lightning.record import DataSet, Record
from unet_lightning.runtime.seal import check_whole
from unet_lightning.training.baseline import otsu_confusions
from unet_lightning.training.build import Run
from unet_lightning.training.task import SegmentationTask
from unet_lightning.training.tuned import tune_postprocess


def score(run: Run) -> dict[str, Any]:
    """Scores of both splits, and what they were made with; of the first process alone the scores."""
    best = best_checkpoint(run.trainer)
    results: dict[str, Any] = {"checkpoint": best}
    images: list[Judged] = []
    results |= {key: run.task.identity[key] for key in ("split_hash", "config_hash", "precision", "versions")}
    results |= {"parameters": sum(p.numel() for p in run.task.parameters()), "epochs": run.trainer.current_epoch}
    if best:
        load_weights(run.task, best)
        leave_out_averaging(run.trainer)
        if run.task.identity["config"].get("tune"):
            results["tuned"] = tune_postprocess(run, best)
    for split, evaluate in (("val", run.trainer.validate), ("test", run.trainer.test)):
        run.task.confusions.pop(split, None)
        if run.data.dataset.split(split):
            evaluate(run.task, run.data, verbose=False)
        if run.trainer.is_global_zero and split in run.task.confusions:
            matrices = run.task.confusions[split].cpu()
            records = run.data.dataset.split(split)[: len(matrices)]  # fewer by fast_dev_run and limit_*_batches
            thresholds = otsu_confusions(run.data, records) if len(run.data.dataset.classes) == 2 else None
            results[split] = split_scores(matrices, thresholds, records, run.data.dataset)
            images = judged(matrices, thresholds, records, run.data.dataset)  # in the end those of the report's split
    if "test" in results and run.task.objects:
        results["test"]["objects"] = instance.summary(list(run.task.objects.values()))
        if run.task.objects_by_class:
            tables = list(run.task.objects_by_class.values())
            results["test"]["objects_by_class"] = summary_by_class(tables, run.data.dataset.classes)
    if images:
        counts = results.get("test", {}).get("objects", {}).get("counts")
        results["verdict"] = verdict(images, run.task.identity["config"], counts, _is_last(run, best))
    return results


def judged(confusions: Tensor, thresholds: Tensor | None, records: Sequence[Record], dataset: DataSet) -> list[Judged]:
    """Images for the verdict. confusions: (N, K, K) of N images; thresholds: (N, 2, 2) by Otsu's, of two classes."""
    first = int(dataset.background)
    dice = class_scores(confusions)["dice"][:, first:].nanmean(1)
    otsu = torch.full_like(dice, torch.nan)
    if thresholds is not None:
        otsu = class_scores(thresholds)["dice"][:, first:].nanmean(1)
    labelled = confusions.sum(2)  # (N, K)
    shares = labelled[:, 1:].sum(1) / labelled.sum(1).clamp(min=1)
    rows = zip(records, dice.tolist(), otsu.tolist(), shares.tolist(), strict=True)
    return [Judged(one.id, one.group, one.kind, *values) for one, *values in rows]


def _is_last(run: Run, best: str) -> bool:
    """Whether the best checkpoint is that of the last of several epochs."""
    written = torch.load(best, map_location="cpu", weights_only=True, mmap=True) if best else {}
    return run.trainer.current_epoch > 1 and written.get("global_step") == run.trainer.global_step


def best_checkpoint(trainer: L.Trainer) -> str:
    """The checkpoint that was best on the validation split, or of the last step where that came before a validation."""
    callback: Any = trainer.checkpoint_callback
    if callback is None or callback.best_model_path:
        return "" if callback is None else str(callback.best_model_path)
    path = str(Path(callback.dirpath) / f"{callback.filename}.ckpt")
    trainer.save_checkpoint(path)
    return path


def leave_out_averaging(trainer: L.Trainer) -> None:
    """Remove the moving average, which would replace the loaded weights by its own last ones before scoring."""
    trainer.callbacks[:] = [callback for callback in trainer.callbacks if not isinstance(callback, WeightAveraging)]  # type: ignore[attr-defined]


def load_weights(task: SegmentationTask, checkpoint: str) -> None:
    """The parameters of a checkpoint into a task of the same config; InputError where it isn't what was written."""
    check_whole(Path(checkpoint))
    content = torch.load(checkpoint, map_location=task.device, weights_only=True)
    task.load_state_dict(content["state_dict"])


def split_scores(
    confusions: Tensor, thresholds: Tensor | None, records: Sequence[Record], dataset: DataSet
) -> dict[str, Any]:
    """The scores of a split, of each kind of its images, and of Otsu's threshold where there are two classes.

    confusions: (N, K, K) of N images; thresholds: (N, 2, 2).
    """
    kinds = [record.kind for record in records]

    def scores(matrices: Tensor) -> dict[str, Any]:
        found = summary(matrices, dataset.classes, dataset.background)
        return found | {"kinds": by_kind(matrices, kinds, dataset.classes, dataset.background)}

    found = scores(confusions) | {"images": len(records)}
    return found if thresholds is None else found | {"otsu": scores(thresholds)}
