"""The files that `evaluate` writes: evaluation.json, tables, report.md with pictures, report.html."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_lightning.evaluation.agreement import Agreement, agreement_table
from unet_lightning.evaluation.calibration import NOTE
from unet_lightning.evaluation.object_table import objects_by_class
from unet_lightning.evaluation.score import PARTITION, THRESHOLDS
from unet_lightning.metric.names import COUNT_NAMES, COUNTS_NOTE, SCORE_NAMES
from unet_lightning.metric.semantic import RULE, SCORES
from unet_lightning.page.escape import code_span, escape_markdown
from unet_lightning.page.html import describe_values, embed_picture, histogram, html, matrix
from unet_lightning.page.number import format_interval, format_number
from unet_lightning.page.picture import encode_png
from unet_lightning.page.reliability import reliability_diagram
from unet_lightning.page.table import Table
from unet_lightning.runtime.files import write_atomic, write_json, write_table

EVALUATION = "evaluation.json"
DICE_NOTE = "The number of images by their foreground Dice, from 0 (nothing overlaps) to 1 (equal), without unit."


@dataclass(frozen=True)
class Panel:
    """An image's input, label, prediction and error side by side."""

    dice: float  # of the foreground
    picture: NDArray[np.uint8]  # (H, W, 3)
    caption: str


def write_evaluation(folder: Path, results: dict[str, Any], gallery: Sequence[Panel], agreement: Agreement) -> None:
    """Write evaluation.json, report.md with pictures, report.html, and images.csv; objects.csv and summary.csv too, and
    classes.csv of objects of several classes.
    """
    for old in (folder / "pictures").glob("worst*.png"):
        old.unlink()
    write_table(folder / "images.csv", results["per_image"])
    for name, rows in (("objects.csv", agreement.objects), ("summary.csv", agreement.images)):
        if agreement.images:
            write_table(folder / name, rows)
    if "per_class" in results:
        write_table(folder / "classes.csv", results["per_class"])
    charts = agreement.charts()
    for k, chart in enumerate(charts, 1):
        write_atomic(folder / "pictures" / f"agreement{k}.svg", chart)
    diagram = _reliability(results["calibration"])
    write_atomic(folder / "pictures" / "reliability.svg", diagram)
    parts = tables(results)
    title = f"{results['images']} images of the {results['protocol']['split']} split"
    made_with = describe_values({**results["protocol"], **results["provenance"]})
    said = [line for sentence in results["verdict"] for line in (escape_markdown(sentence), "")]
    lines = [
        f"# {title}",
        "",
        *said,
        code_span(results["provenance"]["command"]),
        "",
        *(part.markdown() for part in parts),
    ]
    lines += [f"![Bland-Altman plot](pictures/agreement{k}.svg)\n" for k in range(1, len(charts) + 1)]
    lines += ["## Calibration", "", NOTE, "", "![Reliability diagram](pictures/reliability.svg)", ""]
    lines += ["## Lowest foreground Dice", "", "Input, label, prediction, error", ""]
    for k, one in enumerate(gallery, 1):
        write_atomic(folder / "pictures" / f"worst{k}.png", encode_png(one.picture))
        caption = escape_markdown(one.caption)
        lines += [f"![{caption}](pictures/worst{k}.png)", "", caption, ""]
    protocol_table = Table("Protocol", ["", ""], made_with)
    write_atomic(folder / "report.md", "\n".join([*lines, protocol_table.markdown()]))
    text = html(
        "evaluation.html",
        title=title,
        subtitle=f"{results['groups']} independent groups; intervals are 95 % bootstrap intervals",
        command=results["provenance"]["command"],
        verdict=results["verdict"],
        cards=cards(results),
        tables=parts,
        charts=charts,
        reliability=diagram,
        reliability_note=NOTE,
        matrix=matrix(np.array(results["confusion"]), results["protocol"]["classes"]),
        histogram=histogram([row["dice"] for row in results["per_image"]], "Foreground Dice of each image", DICE_NOTE),
        gallery=[embed_picture(one.picture, one.caption) for one in gallery],
        gallery_title="Lowest foreground Dice",
        protocol=made_with,
    )
    write_atomic(folder / "report.html", text)
    write_json(folder / EVALUATION, results)


def cards(results: Mapping[str, Any]) -> list[dict[str, str]]:
    """The most important scores, for the top of the report."""
    found = [
        {
            "name": f"foreground {SCORE_NAMES[name]}, pooled",
            "value": format_number(results["pooled"][name]["foreground"], 3),
            "range": format_interval(results["intervals"][f"pooled {name}"]),
        }
        for name in ("dice", "iou")
    ]
    objects = results.get("objects", {})
    found += [
        {
            "name": f"{SCORE_NAMES[name]}, mean",
            "value": format_number(objects[name], 3),
            "range": format_interval(results["intervals"][name]),
        }
        for name in ("aji", "pq", "seg", "ap50")
        if name in objects
    ]
    if "calibration" not in results:  # out of fold, by several networks
        return found
    one = results["calibration"]
    name = f"ECE, temperature {one['temperature']:g}"
    return [*found, {"name": name, "value": format_number(one["ece"], 3), "range": format_interval(one["interval"])}]


def _reliability(found: Mapping[str, Any]) -> str:
    """The diagram of what `calibration` gives, as SVG."""
    total = max(1, sum(one["pixels"] for one in found["bins"]))
    bins = [
        (one["low"], one["high"], one["pixels"] / total, one["probability"], one["accuracy"]) for one in found["bins"]
    ]
    return reliability_diagram(bins, f"Expected calibration error {format_number(found['ece'])}")


def tables(results: Mapping[str, Any]) -> list[Table]:
    """The tables of the report: foreground, objects and their errors, classes, kinds of images."""
    pooled, means, intervals = results["pooled"], results["image_mean"], results["intervals"]
    shown_means = ("dice", "iou", "precision", "recall", "boundary_f1", "hausdorff95")
    rows = [_row(name, "pooled", pooled[name]["foreground"], intervals[f"pooled {name}"]) for name in ("dice", "iou")]
    rows += [_row(name, "mean over images", means[name]["foreground"], intervals[name]) for name in shown_means]
    found = [Table("Foreground", ["score", "averaging", "value", "95 % interval"], rows, RULE)]
    if "objects" in results:
        found += _object_tables(results)
    classes = results["protocol"]["classes"]
    rows = [[name, *(format_number(pooled[c]["classes"][name]) for c in SCORES)] for name in classes]
    rows.append(["mean of classes", *(format_number(pooled[c]["mean"]) for c in SCORES)])
    found.append(Table("Classes, pooled", ["class", *(SCORE_NAMES[c] for c in SCORES)], rows))
    shown = ("dice", "iou", "boundary_f1", "hausdorff95")
    rows = [
        [name, *(format_number(means[c]["classes"][name]) for c in shown), f"{means['absent'][name]:.0f}"]
        for name in classes
    ]
    found.append(
        Table("Classes, mean over images", ["class", *(SCORE_NAMES[c] for c in shown), "images without it"], rows)
    )
    if results["kinds"]:
        names = ("dice", "iou", "precision", "recall")
        rows = [[kind, *(format_number(values[c]) for c in names)] for kind, values in results["kinds"].items()]
        found.append(Table("Kinds of images, foreground, pooled", ["kind", *(SCORE_NAMES[c] for c in names)], rows))
    return found


def _row(name: str, averaging: str, value: float, bounds: Sequence[float] = (nan, nan)) -> list[str]:
    return [SCORE_NAMES[name], averaging, format_number(value), format_interval(bounds)]


def _object_tables(results: Mapping[str, Any]) -> list[Table]:
    objects, intervals = results["objects"], results["intervals"]
    rows = [_row(name, "mean over images", objects[name], intervals[name]) for name in objects if name in intervals]
    best = f"best of {len(THRESHOLDS)} thresholds, at"
    rows += [
        _row(name, f"{best} {objects[f'{name}_threshold']}", objects[name]) for name in PARTITION if name in objects
    ]
    counts = [[COUNT_NAMES[name], str(number)] for name, number in results["counts"].items()]
    return [
        Table("Objects", ["score", "averaging", "value", "95 % interval"], rows),
        Table("Objects, counted", ["", "number"], counts, COUNTS_NOTE),
        *([objects_by_class(results["objects_by_class"])] if "objects_by_class" in results else []),
        *([agreement_table(results["agreement"])] if results.get("agreement") else []),
    ]
