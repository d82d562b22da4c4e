"""The results of a run: a table on the terminal, results.json for programs, report.md with pictures."""

import inspect
import shlex
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from unet_lightning.config.plain import as_yaml
from unet_lightning.evaluation.object_table import objects_by_class
from unet_lightning.logger.base import recorders
from unet_lightning.metric.names import COUNT_NAMES, SCORE_NAMES
from unet_lightning.metric.semantic import RULE, SCORES, class_scores
from unet_lightning.page.escape import code_span, escape_markdown
from unet_lightning.page.number import format_number
from unet_lightning.page.picture import ERROR_LEGEND, encode_png, panel
from unet_lightning.page.table import markdown_rows
from unet_lightning.pipeline.data_module import DataModule
from unet_lightning.pipeline.describe import describe_data
from unet_lightning.runtime.files import RESULTS, write_atomic, write_json
from unet_lightning.runtime.machine import commit, machine
from unet_lightning.runtime.memory import peak
from unet_lightning.training.build import Run
from unet_lightning.training.hyperparameters import UNTOLD, log_hyperparameters, told_key
from unet_lightning.training.task import SegmentationTask

FACTS = ("checkpoint", "parameters", "epochs", "seconds", "precision", "split_hash", "config_hash")
COLUMNS = [SCORE_NAMES[score] for score in SCORES]


def describe_run(data: DataModule, task: SegmentationTask, precision: str) -> str:
    """What is about to be trained, in a line each: data, normalisation, loss, weight and network."""
    geometry = task.identity["geometry"]
    lines = describe_data(data.dataset, data.statistics) | {
        "normalize": data.transforms.normalize.describe(),
        "loss": (inspect.getdoc(task.loss) or type(task.loss).__name__).splitlines()[0],
        "weight": data.transforms.weight.describe() + "; 0 where a label is ignored",
        "network": f"{geometry['convolution']} convolution, margin {geometry['margin']}, halo {geometry['halo']}, "
        + f"sizes in multiples of {geometry['multiple']}; {precision}",
    }
    return "\n".join(f"{name:<10}{text}" for name, text in lines.items())


def write_report(folder: Path, results: dict[str, Any], run: Run) -> None:
    """Print the table, write pictures and report.md, and last results.json with `status: finished`."""
    results |= {"memory": peak(), "machine": machine(), "commit": commit()}
    log_hyperparameters(run.trainer, run.task.identity["config"], results)
    told = [line for line in results["overrides"] if told_key(line)]
    for recorder in recorders(run.trainer):
        recorder.table("scores", ["pooled unless said otherwise", *COLUMNS], rows(results))
        recorder.text("run/report", markdown(results | {"pictures": [], "overrides": told}))
    results["pictures"] = write_pictures(folder, run.data, run.task, scored_split(results))
    write_atomic(folder / "report.md", markdown(results))
    results["status"] = "finished"
    write_json(folder / RESULTS, results)
    print_table(results)
    Console().print(f"report  {folder / 'report.md'}", soft_wrap=True, markup=False)


def tell_loggers(run: Run) -> None:
    """What is about to be trained, and every value of its config, as a page of text."""
    told = describe_run(run.data, run.task, run.trainer.precision)
    config = run.task.identity["config"]
    values = as_yaml({key: value for key, value in config.items() if key not in UNTOLD})
    for recorder in recorders(run.trainer):
        recorder.text("run/config", "\n".join(["```", told, "", values.rstrip(), "```", ""]))


def scored_split(results: dict[str, Any]) -> str:
    """The split that a report is about."""
    return "test" if "test" in results else "val"


def rows(results: dict[str, Any]) -> list[list[str]]:
    """The lines of the final table: what was scored, and its scores as COLUMNS."""
    split = scored_split(results)
    found = results[split]
    pooled, image_mean = found["pooled"], found["image_mean"]
    lines = [(f"{split}, {k}", {s: pooled[s]["classes"][k] for s in SCORES}) for k in pooled["dice"]["classes"]]
    lines.append((f"{split}, mean of classes", {s: pooled[s]["mean"] for s in SCORES}))
    lines.append((f"{split}, foreground, mean over images", {s: image_mean[s]["foreground"] for s in SCORES}))
    for owner, part in (("U-Net", found), ("Otsu", found.get("otsu", {}))):
        lines += [(f"{owner}, foreground, {kind}", values) for kind, values in part.get("kinds", {}).items()]
    if "otsu" in found and not found["kinds"]:
        lines.append(("Otsu, foreground", {s: found["otsu"]["pooled"][s]["foreground"] for s in SCORES}))
    return [[label, *(format_number(values[s]) for s in SCORES)] for label, values in lines]


def print_table(results: dict[str, Any]) -> None:
    """The final table on the terminal."""
    console, found = Console(), results[scored_split(results)]
    table = Table(title=f"pixel accuracy {format_number(found['pooled']['pixel_accuracy']['mean'])}")
    table.add_column("pooled unless said otherwise")
    for name in COLUMNS:
        table.add_column(name, justify="right")
    for row in rows(results):
        table.add_row(*map(escape, row))
    console.print(table)
    if "objects" in found:
        console.print(objects_line(found["objects"]), soft_wrap=True)
    for sentence in results.get("verdict", ()):
        console.print(sentence, soft_wrap=True, markup=False, highlight=False)


def objects_line(found: dict[str, Any]) -> str:
    """Object scores in a sentence."""
    means = ", ".join(f"{SCORE_NAMES[name]} {format_number(value)}" for name, value in found["image_mean"].items())
    counts = ", ".join(f"{value} {COUNT_NAMES[name]}" for name, value in found["counts"].items())
    return f"Objects, mean over images: {means}. Counts: {counts}."


def write_pictures(folder: Path, data: DataModule, task: SegmentationTask, split: str) -> list[dict[str, str]]:
    """Panels of the worst, the median and the best image by foreground Dice: file in the folder, and caption."""
    first = int(data.dataset.background)
    dice = class_scores(task.confusions[split].cpu())["dice"][:, first:].nanmean(1)
    order = [k for k in dice.argsort().tolist() if not dice[k].isnan()] or [0]
    chosen = {"worst": order[0], "median": order[len(order) // 2], "best": order[-1]}
    images = data.images(split)
    written = []
    for name, index in chosen.items():
        sample, native = images[index], data.store[images.records[index]]
        with task.trainer.precision_plugin.forward_context():
            outputs = task.predict(sample["image"].to(task.device))
        predicted = task.inference.classes(outputs)
        picture = panel(native.image, native.mask, predicted, native.valid, data.dataset.colors)
        write_atomic(folder / f"pictures/{name}.png", encode_png(picture))
        caption = f"{sample['id']}, foreground Dice {format_number(float(dice[index]))}"
        written.append({"file": f"pictures/{name}.png", "caption": caption})
    return written


def markdown(results: dict[str, Any]) -> str:
    """report.md."""
    split = scored_split(results)
    found = results[split]
    lines = ["# Report", ""]
    lines += [line for sentence in results.get("verdict", ()) for line in (escape_markdown(sentence), "")]
    lines += [code_span(shlex.join(["python", "train.py", *results["overrides"]])), ""]
    lines += markdown_rows([f"{split}, {found['images']} images", *COLUMNS], rows(results))
    lines += ["", f"Pixel accuracy {format_number(found['pooled']['pixel_accuracy']['mean'])}. {RULE}"]
    lines += [objects_line(found["objects"])] if "objects" in found else []
    if "objects_by_class" in found:
        lines += ["", *objects_by_class(found["objects_by_class"]).markdown().splitlines()]
    absent = {name: int(number) for name, number in found["image_mean"]["absent"].items() if number}
    lines += [f"Absent from images: {escape_markdown(str(absent or 'no class'))}.", ""]
    lines += ["Input, label, prediction, error", f"({ERROR_LEGEND}):", ""] * bool(results["pictures"])
    for picture in results["pictures"]:
        caption = escape_markdown(picture["caption"])
        lines += [f"![{caption}]({picture['file']})", "", caption, ""]
    lines += markdown_rows(["", ""], [[name, str(results[name])] for name in FACTS])
    return "\n".join(lines) + "\n"
