"""`unet-lightning evaluate`: every score of a checkpoint on whole images, with intervals, a report and its protocol."""

import hashlib
import json
import logging
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track

from unet_lightning import origin, page
from unet_lightning.arguments import parse, parser
from unet_lightning.build import find_data, versions
from unet_lightning.checkpoint import check_targets
from unet_lightning.error import InputError
from unet_lightning.evaluation import Scored, per_image, score, summary
from unet_lightning.evaluation_report import Panel, write
from unet_lightning.metric.interval import CONFIDENCE
from unet_lightning.picture import panel
from unet_lightning.predictor import Predictor, load
from unet_lightning.record import DataSet, Record, split_hash
from unet_lightning.report import RULE, by_kind
from unet_lightning.sample import Sample

log = logging.getLogger(__name__)
HELP = f"""Score a checkpoint, or an ensemble, on whole images: the code that predicts, on the test split by default.

  unet-lightning evaluate outputs/…/checkpoints/best.ckpt
  unet-lightning evaluate best.ckpt split=val tta=flips postprocess=watershed
  unet-lightning evaluate best.ckpt data=folder data.root=/other/lab --output evaluation/other

Writes report.html, report.md, images.csv and evaluation.json into evaluation/SPLIT beside the checkpoints, or into
--output. Intervals are {CONFIDENCE:.0%} bootstrap intervals over images, over groups where the set names them."""
WIDEST = 2000  # pixels of a panel in the report
ABSENT = (
    "a class neither labelled nor predicted in an image has no score there and is left out of means; precision is also "
    "left out where nothing is predicted, recall where nothing is labelled; where only one side has a border the "
    "Hausdorff distance is the image's diagonal"
)


def main(arguments: list[str]) -> int:
    """Evaluate; 0 when the report is written."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    rules = parser("evaluate", HELP)
    rules.add_argument("checkpoints", nargs="+", metavar="CHECKPOINT")
    rules.add_argument("--output", type=Path, metavar="DIR", help="where the report goes")
    rules.add_argument("--trust", action="append", default=[], metavar="PACKAGE", help="whose classes may be built")
    options, overrides = parse(rules, arguments)
    predictor = load(*options.checkpoints, overrides=overrides, trust=options.trust, extra="evaluate")
    command = shlex.join(["unet-lightning", "evaluate", *arguments])
    folder = options.output or predictor.models[0].path.parent.parent / "evaluation" / predictor.config["split"]
    if options.output is None:
        keep_others(predictor, folder, overrides)
    evaluate(predictor, folder, command, options.trust, overrides)
    log.info(f"report  {folder / 'report.html'}")
    return 0


def keep_others(predictor: Predictor, folder: Path, overrides: Sequence[str]) -> None:
    """InputError where the default folder holds an evaluation of something else."""
    if (folder / "evaluation.json").is_file():
        stored = read_evaluation(folder).get("made", {})
        if stored.get("checkpoints") != hashes(predictor) or stored.get("overrides") != list(overrides):
            raise InputError(
                f"{folder} holds another evaluation ({stored.get('command')}); give --output, or delete it"
            )


def hashes(predictor: Predictor) -> dict[str, str]:
    """Checkpoints, and what they hold."""
    return {str(m.path): hashlib.sha256(m.path.read_bytes()).hexdigest()[:12] for m in predictor.models}


def evaluate(
    predictor: Predictor, folder: Path, command: str = "", trust: Sequence[str] = (), overrides: Sequence[str] = ()
) -> dict[str, Any]:
    """Score the split of the predictor's config and write the report; what evaluation.json holds."""
    config = predictor.config
    for name, least in (("tolerance", 0), ("resamples", 100), ("worst", 0)):
        if not isinstance(config[name], int | float) or config[name] < least:
            raise InputError(f"{name}={config[name]}: expected a number from {least}")
    check_targets(config["data"], "data", trust)
    dataset = find_data(config)
    records = chosen(dataset, predictor)
    images: list[Scored] = []
    gallery: list[Panel] = []
    for record in track(records, f"{len(records)} images", transient=True):
        sample = dataset.read(record)
        scored, predicted, _ = score(
            record, sample, predictor.logits(sample.image), dataset.classes, predictor.postprocess, config["tolerance"]
        )
        images.append(scored)
        _keep_worst(gallery, scored, sample, predicted, predictor)
    results = summary(images, dataset.classes, config["resamples"], dataset.background)
    results["kinds"] = _kinds(images, dataset)
    results |= {"protocol": protocol(predictor, dataset, records), "made": made(predictor, command, overrides)}
    results["confusion"] = sum(image.confusion for image in images).tolist()  # type: ignore[union-attr]
    results["per_image"] = [_row(image, values) for image, values in zip(images, _rows(images, dataset), strict=True)]
    write(folder, results, gallery)
    return results


def chosen(dataset: DataSet, predictor: Predictor) -> list[Record]:
    """The records to score; InputError where they can't be those of the checkpoint's task."""
    split = predictor.config["split"]
    records = dataset.split(split)
    if dataset.findings:
        raise InputError("\n".join(dataset.findings))
    if dataset.classes != predictor.classes:
        raise InputError(
            f"the data's classes are {list(dataset.classes)}; expected those of the checkpoint, "
            f"{list(predictor.classes)}; set data.classes"
        )
    if not records:
        raise InputError(f"split={split}: no image is in it; set split=test or split=val, or correct the manifest")
    if split_hash(dataset.records) != predictor.models[0].identity["split_hash"]:
        log.warning("the split is not the one of training: make sure that none of these images was trained on")
    return records


def _keep_worst(
    gallery: list[Panel],
    scored: Scored,
    sample: Sample,
    predicted: NDArray[np.uint8],
    predictor: Predictor,
) -> None:
    """Keep the panels of the images of lowest foreground Dice."""
    foreground = [
        scored.classes["dice"][name] for name in predictor.classes[int(predictor.config["data"]["background"]) :]
    ]
    dice = float(np.nanmean(foreground)) if not np.isnan(foreground).all() else 1.0
    caption = f"{scored.id}: foreground Dice {page.number(dice)}"
    if scored.objects:
        caption += f", AJI {page.number(scored.objects['aji'])}, " + ", ".join(
            f"{number} {name}" for name, number in scored.counts.items()
        )
    picture = panel(sample.image, sample.mask, predicted, sample.valid, predictor.colors)
    if picture.shape[1] > WIDEST:
        size = (WIDEST, max(1, picture.shape[0] * WIDEST // picture.shape[1]))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
    gallery.append((dice, picture, caption))
    gallery.sort(key=lambda item: item[0])
    del gallery[int(predictor.config["worst"]) :]


def _kinds(images: Sequence[Scored], dataset: DataSet) -> dict[str, Any]:
    confusions = torch.from_numpy(np.stack([image.confusion for image in images]))
    return by_kind(confusions, [image.kind for image in images], dataset.classes, dataset.background)


def _rows(images: Sequence[Scored], dataset: DataSet) -> list[dict[str, float]]:
    columns = per_image(images, dataset.classes, dataset.background)
    return [{name: float(column[k]) for name, column in columns.items()} for k in range(len(images))]


def _row(image: Scored, values: Mapping[str, float]) -> dict[str, Any]:
    return {"id": image.id, "group": image.group, "kind": image.kind, **values, **image.counts}


def protocol(predictor: Predictor, dataset: DataSet, records: Sequence[Record]) -> dict[str, Any]:
    """What must be equal for two evaluations to be compared."""
    config = predictor.config
    ids = "\n".join(record.id for record in records)
    return {
        "split": config["split"],
        "models": len(predictor.models),
        "split_hash": split_hash(dataset.records),
        "images": f"{len(records)}, {hashlib.sha256(ids.encode()).hexdigest()[:12]}",
        "classes": list(dataset.classes),
        "background": dataset.background,
        "averaging": RULE,
        "absent_classes": ABSENT,
        "tolerance": config["tolerance"],
        "precision": predictor.precision,
        "tta": config["tta"],
        "postprocess": config["postprocess"],
        "version": versions()["unet-lightning"],
    }


def made(predictor: Predictor, command: str, overrides: Sequence[str]) -> dict[str, Any]:
    """What the numbers came from, for the record."""
    return {
        "command": command,
        "overrides": list(overrides),
        "checkpoints": hashes(predictor),
        "config_hashes": [model.identity["config_hash"] for model in predictor.models],
        "overrides_of_data": {k: v for k, v in predictor.config["data"].items() if not isinstance(v, Mapping)},
        "tile": predictor.tile,
        "device": str(predictor.device),
        "machine": origin.machine(),
        "versions": versions(),
    }


def read_evaluation(path: Path) -> dict[str, Any]:
    """The evaluation.json of a folder, of a run's test split, or a file; InputError where there is none."""
    for file in (path, path / "evaluation.json", path / "evaluation" / "test" / "evaluation.json"):
        if file.is_file():
            try:
                found = json.loads(file.read_text(encoding="utf-8"))
                assert isinstance(found["per_image"], list)
                return dict(found)
            except (ValueError, KeyError, AssertionError, TypeError):
                raise InputError(f"{file}: not what `unet-lightning evaluate` writes; evaluate again") from None
    raise InputError(f"{path}: not evaluated; run: unet-lightning evaluate {path / 'checkpoints' / 'best.ckpt'}")
