"""`unet-lightning evaluate`: every score of a checkpoint on whole images, with intervals, a report and its protocol."""

import csv
import hashlib
import json
import logging
import platform
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

from unet_lightning import page
from unet_lightning.arguments import parse, parser
from unet_lightning.build import find_data, versions
from unet_lightning.checkpoint import check_targets
from unet_lightning.error import InputError
from unet_lightning.evaluation import CUTS, Scored, per_image, score, summary
from unet_lightning.metric.interval import CONFIDENCE
from unet_lightning.picture import panel
from unet_lightning.picture import write as write_picture
from unet_lightning.predictor import Predictor, load
from unet_lightning.record import DataSet, Record, split_hash
from unet_lightning.report import RULE, by_kind, write_json
from unet_lightning.sample import Sample

log = logging.getLogger(__name__)
HELP = f"""Score a checkpoint, or an ensemble, on whole images: the code that predicts, on the test split by default.

  unet-lightning evaluate outputs/…/checkpoints/best.ckpt
  unet-lightning evaluate best.ckpt split=val tta=flips postprocess=watershed
  unet-lightning evaluate best.ckpt data=folder data.root=/other/lab --output evaluation/other

Writes report.html, report.md, images.csv and evaluation.json into evaluation/SPLIT beside the checkpoints, or into
--output. Intervals are {CONFIDENCE:.0%} bootstrap intervals over images, over groups where the set names them."""
NAMES = {
    "dice": "Dice",
    "iou": "IoU",
    "precision": "precision",
    "recall": "recall",
    "accuracy": "accuracy, one against the rest",
    "boundary_f1": "boundary F1",
    "hausdorff95": "95 % Hausdorff distance, pixels",
    "aji": "AJI",
    "pq": "PQ",
    "seg": "SEG",
    "ap50": "AP at IoU 0.5",
    "ap": "AP, mean of IoU 0.5 to 0.95",
    "adapted_rand_error": "adapted Rand error",
    "v_rand": "V_rand",
    "v_info": "V_info",
}
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
    gallery: list[tuple[float, NDArray[np.uint8], str]] = []
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
    gallery: list[tuple[float, NDArray[np.uint8], str]],
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
        "machine": platform.processor() or platform.machine(),
        "versions": versions(),
    }


def write(folder: Path, results: dict[str, Any], gallery: Sequence[tuple[float, NDArray[np.uint8], str]]) -> None:
    """evaluation.json, images.csv, report.md with pictures, report.html."""
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    for old in (folder / "pictures").glob("worst*.png"):
        old.unlink()
    with (folder / "images.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(k for row in results["per_image"] for k in row)))
        writer.writeheader()
        writer.writerows(results["per_image"])
    parts = tables(results)
    title = f"{results['images']} images of the {results['protocol']['split']} split"
    facts = page.described({**results["protocol"], **results["made"]})
    lines = [f"# {title}", "", f"`{results['made']['command']}`", "", *map(page.markdown, parts)]
    lines += ["## Lowest foreground Dice", "", "Input, label, prediction, error", ""]
    for k, (_, picture, caption) in enumerate(gallery, 1):
        write_picture(str(folder / "pictures" / f"worst{k}.png"), picture)
        lines += [f"![{caption}](pictures/worst{k}.png)", "", caption, ""]
    protocol_table = page.Table("Protocol", ["", ""], facts)
    (folder / "report.md").write_text("\n".join([*lines, page.markdown(protocol_table)]), encoding="utf-8")
    text = page.html(
        title=title,
        subtitle=f"{results['groups']} independent groups; intervals are 95 % bootstrap intervals",
        command=results["made"]["command"],
        cards=cards(results),
        tables=parts,
        matrix=page.matrix(np.array(results["confusion"]), results["protocol"]["classes"]),
        histogram=page.histogram([row["dice"] for row in results["per_image"]], "Foreground Dice of each image"),
        gallery=[page.embedded(picture, caption) for _, picture, caption in gallery],
        gallery_title="Lowest foreground Dice",
        protocol=facts,
    )
    (folder / "report.html").write_text(text, encoding="utf-8")
    write_json(folder, results, "evaluation.json")


def cards(results: Mapping[str, Any]) -> list[dict[str, str]]:
    """The numbers people look for first."""
    found = [
        {
            "name": f"foreground {NAMES[name]}, pooled",
            "value": page.number(results["pooled"][name]["foreground"], 3),
            "range": page.span(results["intervals"][f"pooled {name}"]),
        }
        for name in ("dice", "iou")
    ]
    for name in ("aji", "pq", "seg", "ap50"):
        if name in results.get("objects", {}):
            value = page.number(results["objects"][name], 3)
            found.append(
                {"name": f"{NAMES[name]}, mean", "value": value, "range": page.span(results["intervals"][name])}
            )
    return found


def tables(results: Mapping[str, Any]) -> list[page.Table]:
    """Foreground, objects, errors, classes and kinds."""
    pooled, means, intervals = results["pooled"], results["image_mean"], results["intervals"]
    rows = []
    for name in ("dice", "iou"):
        value = pooled[name]["foreground"]
        rows.append([NAMES[name], "pooled", page.number(value), page.span(intervals[f"pooled {name}"])])
    for name in ("dice", "iou", "precision", "recall", "boundary_f1", "hausdorff95"):
        value = float(means[name]["foreground"])
        rows.append([NAMES[name], "mean over images", page.number(value), page.span(intervals[name])])
    found = [page.Table("Foreground", ["score", "averaging", "value", "95 % interval"], rows, RULE)]
    if "objects" in results:
        found += _object_tables(results)
    classes = results["protocol"]["classes"]
    columns = ("dice", "iou", "precision", "recall", "accuracy")
    rows = [[name, *(page.number(pooled[c]["classes"][name]) for c in columns)] for name in classes]
    rows.append(["mean of classes", *(page.number(pooled[c]["mean"]) for c in columns)])
    found.append(page.Table("Classes, pooled", ["class", *(NAMES[c] for c in columns)], rows))
    shown = ("dice", "iou", "boundary_f1", "hausdorff95")
    rows = [
        [name, *(page.number(means[c]["classes"][name]) for c in shown), f"{means['absent'][name]:.0f}"]
        for name in classes
    ]
    found.append(
        page.Table("Classes, mean over images", ["class", *(NAMES[c] for c in shown), "images without it"], rows)
    )
    if results["kinds"]:
        names = ("dice", "iou", "precision", "recall")
        rows = [[kind, *(page.number(values[c]) for c in names)] for kind, values in results["kinds"].items()]
        found.append(page.Table("Kinds of images, foreground, pooled", ["kind", *(NAMES[c] for c in names)], rows))
    return found


def _object_tables(results: Mapping[str, Any]) -> list[page.Table]:
    rows = []
    for name, value in results["objects"].items():
        if name in ("v_rand", "v_info"):
            cut = results["objects"][f"{name}_cut"]
            rows.append([NAMES[name], f"best of {len(CUTS)} thresholds, at {cut}", page.number(value), "–"])
        elif name in NAMES:
            rows.append([NAMES[name], "mean over images", page.number(value), page.span(results["intervals"][name])])
    counts = [[name, str(number)] for name, number in results["counts"].items()]
    note = (
        "merged: covers half of two references. split: holds half of two predictions. missed, invented: none of these."
    )
    return [
        page.Table("Objects", ["score", "averaging", "value", "95 % interval"], rows),
        page.Table("Objects, counted", ["", "number"], counts, note),
    ]


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
