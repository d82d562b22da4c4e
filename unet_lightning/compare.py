"""`unet-lightning compare`: which of several evaluated runs is better on the same images, and how sure that is."""

import csv
import logging
import sys
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import wilcoxon

from unet_lightning import page
from unet_lightning.arguments import parse, parser
from unet_lightning.error import InputError, nearest
from unet_lightning.evaluate import read_evaluation
from unet_lightning.evaluation_report import NAMES
from unet_lightning.metric.interval import interval, weighted_mean

log = logging.getLogger(__name__)
COLUMNS = ("score", "first", "second", "images", "difference", "low", "high", "p", "p_holm")
SETTINGS = {"resamples": "10000", "vary": ""}
HELP = """Compare evaluated runs image by image, on the same test images.

  unet-lightning compare outputs/…/loss=ce outputs/…/loss=dice
  unet-lightning compare a/evaluation/val b/evaluation/val --output comparison vary=postprocess

RUN is a run's folder (its evaluated test split), an evaluation's folder, or an evaluation.json. Of every score and pair
of runs: the mean difference over images (second minus first) with its 95 % bootstrap interval, Wilcoxon's signed-rank
test, and its p after Holm's correction over the pairs of that score. Runs whose protocol differs are refused; vary=KEY
names the keys of the protocol that are meant to differ. Writes comparison.md and comparison.csv with --output."""


def main(arguments: list[str]) -> int:
    """Compare; 0 when there is a table."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    rules = parser("compare", HELP)
    rules.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    rules.add_argument("--output", type=Path, metavar="DIR", help="where comparison.md and comparison.csv go")
    options, overrides = parse(rules, arguments)
    settings = dict(SETTINGS)
    for override in overrides:
        key, _, value = override.partition("=")
        if key not in settings:
            raise InputError(f"{override}: {key} is not a key; {nearest(key, settings)}")
        settings[key] = value
    if not settings["resamples"].isdigit() or int(settings["resamples"]) < 100:
        raise InputError(f"resamples={settings['resamples']}: expected a number from 100")
    vary = [name for name in settings["vary"].strip("[]").split(",") if name]
    names = [str(run) for run in options.runs]
    rows = compare(names, [read_evaluation(run) for run in options.runs], int(settings["resamples"]), vary)
    text = markdown(names, rows)
    print(text)
    if options.output:
        options.output.mkdir(parents=True, exist_ok=True)
        (options.output / "comparison.md").write_text(text, encoding="utf-8")
        with (options.output / "comparison.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)
    return 0


def compare(
    names: Sequence[str], runs: Sequence[dict[str, Any]], resamples: int, vary: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """A row of COLUMNS for every score and pair of runs; InputError where they can't be compared."""
    if len(runs) < 2 or len(set(names)) < len(names):
        raise InputError(f"{', '.join(names)}: expected two different runs or more")
    for name, run in zip(names[1:], runs[1:], strict=True):
        check_protocol(names[0], runs[0]["protocol"], name, run["protocol"], vary)
        if [row["id"] for row in run["per_image"]] != [row["id"] for row in runs[0]["per_image"]]:
            raise InputError(f"{name} and {names[0]} were scored on other images; evaluate both on one split")
    groups = [row["group"] for row in runs[0]["per_image"]]
    rows = []
    for score in [name for name in NAMES if all(name in run["per_image"][0] for run in runs)]:
        columns = [np.array([row[score] for row in run["per_image"]], np.float64) for run in runs]
        pairs = [
            {"score": score, "first": names[a], "second": names[b], **paired(columns[a], columns[b], groups, resamples)}
            for a, b in combinations(range(len(runs)), 2)
        ]
        for pair, p in zip(pairs, holm([pair["p"] for pair in pairs]), strict=True):
            rows.append(pair | {"p_holm": p})
    return rows


def check_protocol(first: str, one: dict[str, Any], second: str, other: dict[str, Any], vary: Sequence[str]) -> None:
    """InputError that names what differs and isn't meant to."""
    for key in vary:
        if key not in one:
            raise InputError(f"vary={key}: {key} is not in the protocol; {nearest(key, one)}")
    differ = [key for key in one.keys() | other.keys() if key not in vary and one.get(key) != other.get(key)]
    if differ:
        lines = [f"{key}: {first} has {one.get(key)}, {second} has {other.get(key)}" for key in sorted(differ)]
        remedy = f"evaluate both alike, or say vary={','.join(sorted(differ))} if that is what you compare"
        raise InputError("\n".join(["the protocols differ", *lines, remedy]))


def paired(one: NDArray[Any], two: NDArray[Any], groups: Sequence[str], resamples: int) -> dict[str, Any]:
    """The mean of two - one over the images where both have a score, its interval, and Wilcoxon's p (two-sided)."""
    difference = two - one
    there = ~np.isnan(difference)
    kept = difference[there]
    if not len(kept):
        return {"images": 0, "difference": np.nan, "low": np.nan, "high": np.nan, "p": np.nan}
    low, high = interval(weighted_mean(kept), [g for g, t in zip(groups, there, strict=True) if t], resamples)
    p = float(wilcoxon(kept).pvalue) if kept.any() else 1.0
    return {"images": len(kept), "difference": float(kept.mean()), "low": low, "high": high, "p": p}


def holm(values: Sequence[float]) -> list[float]:
    """p values corrected by Holm's step-down procedure (1979); nan stays and doesn't count."""
    order = [k for k in np.argsort(values) if not np.isnan(values[k])]
    corrected = [float("nan")] * len(values)
    largest = 0.0
    for rank, k in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * values[k]))
        corrected[k] = largest
    return corrected


def markdown(names: Sequence[str], rows: Sequence[dict[str, Any]]) -> str:
    """The rows as a table, the runs as letters."""
    letters = {name: chr(ord("A") + k) if k < 26 else f"R{k}" for k, name in enumerate(names)}
    texts = [
        [
            NAMES[row["score"]],
            f"{letters[row['second']]} - {letters[row['first']]}",
            str(row["images"]),
            "–" if np.isnan(row["difference"]) else f"{row['difference']:+.4f}",
            "–" if np.isnan(row["low"]) else f"{row['low']:+.4f} to {row['high']:+.4f}",
            page.number(row["p"]),
            page.number(row["p_holm"]),
        ]
        for row in rows
    ]
    columns = ["score", "pair", "images", "difference", "95 % interval", "Wilcoxon p", "p after Holm"]
    note = "; ".join(f"{letter} = {name}" for name, letter in letters.items())
    return page.markdown(page.Table("Comparison on the same images", columns, texts, note))
