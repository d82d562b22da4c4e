"""What `evaluate` leaves for people: images.csv, report.md with pictures, report.html."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_lightning import page
from unet_lightning.evaluation import CUTS
from unet_lightning.picture import write as write_picture
from unet_lightning.report import RULE, write_json

Panel = tuple[float, NDArray[np.uint8], str]  # foreground Dice, picture, caption
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


def write(folder: Path, results: dict[str, Any], gallery: Sequence[Panel]) -> None:
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
        "merged: covers half of two references; joined: these references. split: holds half of two predictions. "
        "missed, invented: none of these."
    )
    return [
        page.Table("Objects", ["score", "averaging", "value", "95 % interval"], rows),
        page.Table("Objects, counted", ["", "number"], counts, note),
    ]
