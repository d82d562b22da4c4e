"""Score a checkpoint on the images of a split."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track

from unet_lightning.error import InputError
from unet_lightning.evaluation.agreement import Agreement
from unet_lightning.evaluation.baseline import otsu
from unet_lightning.evaluation.calibration import calibration
from unet_lightning.evaluation.protocol import protocol, provenance
from unet_lightning.evaluation.report import Panel, write_evaluation
from unet_lightning.evaluation.run_split import find_as_divided
from unet_lightning.evaluation.score import ImageScores, score_image, summary
from unet_lightning.evaluation.untrained import check_untrained
from unet_lightning.evaluation.verdict import Judged, verdict
from unet_lightning.metric.calibration import reliability
from unet_lightning.metric.names import COUNT_NAMES
from unet_lightning.metric.semantic import class_scores, confusion_matrix
from unet_lightning.page.number import format_number
from unet_lightning.page.picture import panel
from unet_lightning.prediction.predictor import Predictor
from unet_lightning.reading.pixel_size import pixel_size, stated_size
from unet_lightning.record import DataSet, Record
from unet_lightning.sample import Sample

WIDEST = 2000  # pixels of a panel in the report


def evaluate(predictor: Predictor, folder: Path, command: str = "", overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Score the split named in the predictor's config and write the report; returns the content of evaluation.json."""
    config = predictor.config
    dataset = find_as_divided(predictor)
    records = records_to_score(dataset, predictor)
    check_untrained(records, dataset, predictor)
    images: list[ImageScores] = []
    judged: list[Judged] = []
    gallery: list[Panel] = []
    counts: list[NDArray[np.float64]] = []  # of pixels by probability
    agreement, stated = Agreement(dataset.classes), stated_size(config["data"])
    for record in track(records, f"{len(records)} images", transient=True):
        sample = dataset.read(record)
        outputs, how = predictor.all_outputs(sample.data, sample.scale), (predictor.postprocess, config["tolerance"])
        scored, predicted, objects = score_image(record, sample, outputs, dataset.classes, *how, predictor.target)
        probabilities = predictor.class_logits(outputs).softmax(0)
        counts.append(reliability(probabilities, sample.mask, sample.valid))
        if sample.instances is not None:
            foreground = probabilities[1:].sum(0).numpy()
            agreement.add(record.id, sample, objects, foreground, stated or pixel_size(record.image), predicted)
        images.append(scored)
        judged.append(_judged(record, scored, sample, dataset))
        _keep_worst(gallery, judged[-1].dice, scored, sample, predicted, predictor)
    results = summary(images, dataset.classes, config["resamples"], dataset.background)
    groups = [image.group for image in images]
    results["calibration"] = calibration(counts, groups, config["resamples"], config["temperature"])
    results["verdict"] = verdict(judged, predictor.models[0].identity["config"], results.get("counts"))
    results["protocol"] = protocol(predictor, dataset, records)
    results["provenance"] = provenance(predictor, command, overrides)
    if agreement.images:
        results["agreement"] = agreement.differences()
    write_evaluation(folder, results, gallery, agreement)
    return results


def records_to_score(dataset: DataSet, predictor: Predictor) -> list[Record]:
    """The records to score; InputError where their classes don't match the checkpoint or none are in the split."""
    split = predictor.config["split"]
    records = dataset.split(split)
    if dataset.findings:
        raise InputError("\n".join(dataset.findings))
    if dataset.classes != predictor.classes:
        raise InputError(
            f"the data's classes are {list(dataset.classes)}; expected those of the checkpoint, "
            f"{list(predictor.classes)}; set 'data.classes=[{','.join(predictor.classes)}]'"
        )
    if not records:
        raise InputError(f"split={split}: no image is in it; set split=test or split=val, or correct the manifest")
    return records


def _judged(record: Record, scored: ImageScores, sample: Sample, dataset: DataSet) -> Judged:
    """An image for the verdict, with Otsu's threshold where there are two classes."""
    dice = [scored.classes["dice"][name] for name in dataset.classes[int(dataset.background) :]]
    threshold = float("nan")
    if len(dataset.classes) == 2:
        predicted = otsu(sample.image, sample.mask, sample.valid)
        mask, valid = torch.from_numpy(sample.mask.astype(np.int64)), torch.tensor(sample.valid)
        found = class_scores(confusion_matrix(torch.from_numpy(predicted), mask, valid, 2))["dice"]
        threshold = float(found[int(dataset.background) :].nanmean())
    share = float((sample.mask[sample.valid] > 0).mean()) if sample.valid.any() else 0.0
    mean = float(np.nanmean(dice)) if not np.isnan(dice).all() else float("nan")
    return Judged(record.id, record.group, record.kind, mean, threshold, share)


def _keep_worst(
    gallery: list[Panel],
    dice: float,
    scored: ImageScores,
    sample: Sample,
    predicted: NDArray[np.uint8],
    predictor: Predictor,
) -> None:
    """Keep the panels of the images with the lowest foreground Dice; an image without foreground counts as right."""
    dice = 1.0 if np.isnan(dice) else dice
    caption = f"{scored.id}: foreground Dice {format_number(dice)}"
    if scored.objects:
        caption += f", AJI {format_number(scored.objects['aji'])}, " + ", ".join(
            f"{number} {COUNT_NAMES[name]}" for name, number in scored.counts.items()
        )
    picture = panel(sample.image, sample.mask, predicted, sample.valid, predictor.colors)
    if picture.shape[1] > WIDEST:
        size = (WIDEST, max(1, picture.shape[0] * WIDEST // picture.shape[1]))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
    gallery.append(Panel(dice, picture, caption))
    gallery.sort(key=lambda one: one.dice)
    del gallery[int(predictor.config["worst"]) :]
