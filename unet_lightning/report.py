"""What a run leaves behind: the table people read, results.json for programs, report.md with pictures."""

import csv
import inspect
import json
import os
import shlex
from collections.abc import Iterable, Sequence
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from unet_lightning.baseline import otsu
from unet_lightning.metric.semantic import class_scores, confusion_matrix, summary
from unet_lightning.picture import panel
from unet_lightning.picture import write as write_picture
from unet_lightning.pipeline.module import DataModule
from unet_lightning.pipeline.statistics import Statistics
from unet_lightning.record import SPLITS, DataSet, split_hash
from unet_lightning.task import SegmentationTask

COLUMNS = ("dice", "iou", "precision", "recall", "accuracy")
NAMES = {"aji": "AJI", "pq": "PQ", "seg": "SEG", "ap50": "AP at 0.5", "ap": "AP at 0.5 to 0.95"}
RULE = (
    "Pooled scores come from one confusion matrix of the whole split; the mean over images scores each image alone and "
    "leaves out, and counts, the images where a class is neither labelled nor predicted."
)


def account(data: DataModule, task: SegmentationTask, precision: str) -> str:
    """A short account of data, network and what normalisation, loss and weight do, printed before training."""
    geometry = task.identity["geometry"]
    lines = facts(data.dataset, data.statistics) | {
        "normalize": data.store.normalize.describe(),
        "loss": (inspect.getdoc(task.loss) or type(task.loss).__name__).splitlines()[0],
        "weight": data.transforms[1].describe() + "; 0 where a label is ignored",
        "network": f"{geometry['convolution']} convolution, margin {geometry['margin']}, halo {geometry['halo']}, "
        + f"sizes in multiples of {geometry['multiple']}; {precision}",
    }
    return "\n".join(f"{name:<10}{text}" for name, text in lines.items())


def facts(dataset: DataSet, statistics: Statistics) -> dict[str, str]:
    """What a data set holds, in a line each."""
    total = max(1, sum(statistics.class_pixels))
    shares = zip(dataset.classes, statistics.class_pixels, strict=True)
    number, smallest, median, largest = statistics.objects
    spans = zip(statistics.low, statistics.high, strict=True)
    return {
        "data": ", ".join(f"{len(dataset.split(name))} {name}" for name in SPLITS)
        + f" images (split {split_hash(dataset.records)}), {_by(statistics.smallest)} to {_by(statistics.largest)}, "
        + f"{statistics.channels} channels of {statistics.dtype}",
        "classes": ", ".join(f"{name} {100 * pixels / total:.2f} %" for name, pixels in shares)
        + f"; background only: {100 * statistics.empty_share:.0f} % of the training images",
        "objects": f"{number} in training, {smallest} to {largest} pixels, median {median}",
        "values": "1st to 99th percentile " + ", ".join(f"{low:.4g} to {high:.4g}" for low, high in spans),
    }


def _by(size: Sequence[int]) -> str:
    return "x".join(map(str, size))


def scores(confusions: Tensor, data: DataModule, split: str) -> dict[str, Any]:
    """The scores of a split, of each kind of its images, and of Otsu's threshold where there are two classes."""
    records, classes, background = data.dataset.split(split), data.dataset.classes, data.dataset.background
    confusions = confusions.cpu()
    records = records[: len(confusions)]  # fast_dev_run and limit_*_batches score fewer
    result: dict[str, Any] = summary(confusions, classes, background) | {"images": len(records)}
    kinds = [record.kind for record in records]
    result["kinds"] = by_kind(confusions, kinds, classes, background)
    if len(classes) == 2:
        threshold = otsu_confusions(data, split, len(records))
        result["otsu"] = summary(threshold, classes, background) | {
            "kinds": by_kind(threshold, kinds, classes, background)
        }
    return result


def by_kind(confusions: Tensor, kinds: list[str], classes: Iterable[str], background: bool) -> dict[str, Any]:
    """Pooled foreground scores of every kind of image, and `macro`, their mean over kinds; empty without kinds."""
    names = sorted(set(kinds) - {""})
    if not names:
        return {}
    found: dict[str, dict[str, float]] = {}
    for name in names:
        chosen = torch.tensor([kind == name for kind in kinds])
        pooled = summary(confusions[chosen], list(classes), background)["pooled"]
        found[name] = {score: pooled[score]["foreground"] for score in COLUMNS}
    macro = {score: float(np.nanmean([found[name][score] for name in names])) for score in COLUMNS}
    return {"macro": macro} | found


def otsu_confusions(data: DataModule, split: str, number: int) -> Tensor:
    """(N, 2, 2) confusion matrices of Otsu's threshold on the images of a split."""
    matrices = []
    for record in data.dataset.split(split)[:number]:
        sample = data.store[record]
        prediction = torch.from_numpy(otsu(sample.image, sample.mask, sample.valid))
        mask, valid = torch.from_numpy(sample.mask.astype(np.int64)), torch.tensor(sample.valid)
        matrices.append(confusion_matrix(prediction, mask, valid, 2))
    return torch.stack(matrices)


def rows(results: dict[str, Any]) -> list[tuple[str, dict[str, float]]]:
    """The lines of the final table: what was scored, and its scores."""
    split = "test" if "test" in results else "val"
    found = results[split]
    classes = found["pooled"]["dice"]["classes"]
    lines = [(f"{split}, {name}", {s: found["pooled"][s]["classes"][name] for s in COLUMNS}) for name in classes]
    lines.append((f"{split}, mean of classes", {s: found["pooled"][s]["mean"] for s in COLUMNS}))
    lines.append((f"{split}, foreground, mean over images", {s: found["image_mean"][s]["foreground"] for s in COLUMNS}))
    for owner, part in (("U-Net", found), ("Otsu", found.get("otsu", {}))):
        lines += [(f"{owner}, foreground, {kind}", values) for kind, values in part.get("kinds", {}).items()]
    if "otsu" in found and not found["kinds"]:
        lines.append(("Otsu, foreground", {s: found["otsu"]["pooled"][s]["foreground"] for s in COLUMNS}))
    return lines


def print_table(results: dict[str, Any]) -> None:
    """The final table on the terminal."""
    console = Console()
    table = Table(title=f"pixel accuracy {results[_scored(results)]['pooled']['pixel_accuracy']['mean']:.4f}")
    table.add_column("pooled unless said otherwise")
    for name in COLUMNS:
        table.add_column(name, justify="right")
    for label, values in rows(results):
        table.add_row(label, *(_number(values[name]) for name in COLUMNS))
    console.print(table)
    if "objects" in results[_scored(results)]:
        console.print(objects_line(results), soft_wrap=True)


def objects_line(results: dict[str, Any]) -> str:
    """Object scores in a sentence."""
    found = results[_scored(results)]["objects"]
    means = ", ".join(f"{NAMES[name]} {_number(value)}" for name, value in found["image_mean"].items())
    counts = ", ".join(f"{value} {name}" for name, value in found["counts"].items())
    return f"Objects, mean over images: {means}. Counts: {counts}."


def write(folder: Path, results: dict[str, Any], data: DataModule, task: SegmentationTask) -> None:
    """Print the table, write pictures and report.md, and last results.json with `status: finished`."""
    results["pictures"] = write_pictures(folder, data, task, _scored(results))
    (folder / "report.md").write_text(markdown(results), encoding="utf-8")
    write_json(folder, results | {"status": "finished"})
    results["status"] = "finished"
    print_table(results)
    Console().print(f"report  {folder / 'report.md'}", soft_wrap=True)


def write_pictures(folder: Path, data: DataModule, task: SegmentationTask, split: str) -> list[str]:
    """Panels of the worst, the median and the best image by foreground Dice; their paths relative to the folder."""
    first = int(data.dataset.background)
    dice = class_scores(task.confusions[split].cpu())["dice"][:, first:].nanmean(1)
    order = [k for k in dice.argsort().tolist() if not dice[k].isnan()] or [0]
    chosen = {"worst": order[0], "median": order[len(order) // 2], "best": order[-1]}
    images = data.images(split)
    (folder / "pictures").mkdir(exist_ok=True)
    paths = []
    for name, index in chosen.items():
        sample, native = images[index], data.store[images.records[index]]
        with task.trainer.precision_plugin.forward_context():
            prediction = task.predict(sample["image"].to(task.device)).argmax(0).cpu().numpy()
        path = f"pictures/{name}.png"
        picture = panel(native.image, native.mask, prediction, native.valid, data.dataset.colors)
        write_picture(str(folder / path), picture)
        paths.append(f"{path} {sample['id']}, foreground Dice {_number(float(dice[index]))}")
    return paths


def markdown(results: dict[str, Any]) -> str:
    """report.md."""
    split = _scored(results)
    lines = ["# Report", "", f"`{shlex.join(['python', 'train.py', *results['overrides']])}`", ""]
    lines += [f"| {split}, {results[split]['images']} images | " + " | ".join(COLUMNS) + " |"]
    lines += ["|---" * (len(COLUMNS) + 1) + "|"]
    for label, values in rows(results):
        lines.append(f"| {label} | " + " | ".join(_number(values[name]) for name in COLUMNS) + " |")
    lines += ["", f"Pixel accuracy {_number(results[split]['pooled']['pixel_accuracy']['mean'])}. {RULE}"]
    absent = {k: int(v) for k, v in results[split]["image_mean"]["absent"].items() if v}
    lines += [objects_line(results)] if "objects" in results[split] else []
    lines += [f"Absent from images: {absent or 'no class'}.", "", "Input, label, prediction, error"]
    lines += ["(missed blue, invented orange, confused classes pink):", ""]
    for entry in results["pictures"]:
        path, caption = entry.split(" ", 1)
        lines += [f"![{caption}]({path})", "", caption, ""]
    facts = ("checkpoint", "parameters", "epochs", "seconds", "precision", "split_hash", "config_hash")
    lines += ["| | |", "|---|---|"] + [f"| {name} | {results[name]} |" for name in facts]
    return "\n".join(lines) + "\n"


def write_split(folder: Path, dataset: DataSet) -> None:
    """split.csv: which record was on which side."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "split.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["id", "split", "group", "kind"])
        writer.writerows([r.id, r.split, r.group, r.kind] for r in dataset.records)


def write_json(folder: Path, results: dict[str, Any], name: str = "results.json") -> None:
    """The file, replaced whole; nan becomes null."""
    temporary = folder / f"{name}.part"
    temporary.write_text(json.dumps(_nulls(results), indent=1), encoding="utf-8")
    os.replace(temporary, folder / name)


def _nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _nulls(child) for key, child in value.items()}
    if isinstance(value, list | tuple):
        return [_nulls(child) for child in value]
    return None if isinstance(value, float) and isnan(value) else value


def _scored(results: dict[str, Any]) -> str:
    return "test" if "test" in results else "val"


def _number(value: float) -> str:
    return "–" if isnan(value) else f"{value:.4f}"
