"""`unet-lightning sweep-report DIR`: what a sweep says so far, as Markdown, CSV and one HTML file."""

import csv
from itertools import groupby
from math import isfinite, isnan
from pathlib import Path
from statistics import fmean
from typing import Any

from unet_lightning import page
from unet_lightning.arguments import parse, parser
from unet_lightning.chart import heat_map, intervals, scatter
from unet_lightning.effect import Effect
from unet_lightning.error import InputError
from unet_lightning.outcome import SEED, Outcome, Setting, level, levels, read_sweep, settings
from unet_lightning.page import Table
from unet_lightning.ranking import advice, best_of, command, effects_of, number, plus_minus, title_of

DESCRIPTION = """Compare the trials of a sweep, also of one that is not finished.

Writes sweep.md, sweep.csv and sweep.html into the sweep's folder: means and standard deviations over seeds, a heat map,
the main effect of each factor with its interval, cost against score, and the best overrides to copy. The validation
split alone decides; the test split is shown beside."""
SCORES = ("dice", "iou", "precision", "recall", "accuracy")
COSTS = {"seconds": "seconds a trial", "memory": "peak memory, MiB", "parameters": "parameters"}
MAP_KEYS = ("fusion", "loss", "upsample")  # panels, rows, columns
EFFECTS = (
    "How far the trials of a level lie from the mean of all levels of its factor, adjusted for the other factors and "
    "for the seeds (least squares, no interactions), with the 95 % interval. A dash: these trials can't tell."
)


def main(arguments: list[str]) -> int:
    """The verb: write the three files and print the overrides of the best setting."""
    rules = parser("sweep-report", DESCRIPTION)
    rules.add_argument("folder", type=Path, help="the folder of a sweep")
    rules.add_argument("--score", choices=SCORES, default="dice", help="what to compare by (foreground, pooled)")
    rules.add_argument("--output", type=Path, help="where to write; the sweep's folder if left out")
    typed, overrides = parse(rules, arguments)
    if overrides:
        raise InputError(f"{overrides[0]}: sweep-report takes a folder and no overrides")
    outcomes = read_sweep(typed.folder)
    found = summary(typed.folder, outcomes, typed.score)
    output = typed.output or typed.folder
    output.mkdir(parents=True, exist_ok=True)
    write_csv(output / "sweep.csv", outcomes)
    (output / "sweep.md").write_text(markdown(found), encoding="utf-8")
    (output / "sweep.html").write_text(page.html("sweep.html", **found), encoding="utf-8")
    print("\n".join(filter(None, (found["counts"], found["advice"], found["command"], str(output / "sweep.html")))))
    return 0


def summary(folder: Path, outcomes: list[Outcome], scored: str) -> dict[str, Any]:
    """Everything the report says, ready to be laid out."""
    finished = [trial for trial in outcomes if not isnan(trial.score("val", scored))]
    ranked = settings(finished, scored)
    effects = effects_of(finished, ranked, scored)
    keys, best = [key for key in levels(outcomes) if key != SEED], best_of(ranked)
    tables = [settings_table(ranked, keys)] * bool(ranked) + [effects_table(effects)] * bool(effects)
    unfinished = [trial for trial in outcomes if isnan(trial.score("val", scored))]
    return {
        "title": f"Sweep {folder.resolve().name}",
        "counts": counts(outcomes),
        "basis": f"Compared by foreground {scored} of the validation split, pooled over its images.",
        "advice": advice(best, ranked, keys),
        "command": command(best),
        "charts": charts(finished, ranked, effects, scored) if ranked else [],
        "tables": tables + [unfinished_table(unfinished)] * bool(unfinished),
    }


def counts(outcomes: list[Outcome]) -> str:
    """How many trials there are of each status, in a sentence."""
    statuses = sorted(trial.status for trial in outcomes)
    parts = [f"{len(list(group))} {status}" for status, group in groupby(statuses)]
    return f"{len(outcomes)} trials: {', '.join(parts)}."


def settings_table(ranked: list[Setting], keys: list[str]) -> Table:
    """A row a setting, best first."""
    rows = []
    for setting in ranked:
        scores = [plus_minus(setting.mean(split), setting.deviation(split)) for split in ("val", "test")]
        costs = [number(setting.cost(cost)) for cost in COSTS]
        rows.append([*map(setting.value, keys), str(len(setting.trials)), *scores, *costs])
    note = "Mean ± standard deviation over seeds, best first. The test split took no part in choosing."
    return Table("Settings", [*keys, "seeds", "validation", "test", *COSTS.values()], rows, note)


def effects_table(effects: dict[str, list[Effect]]) -> Table:
    """A row a level."""
    rows = [
        [key, e.level, str(e.number), number(e.mean), plus_minus(e.effect, e.half)]
        for key, column in effects.items()
        for e in column
    ]
    return Table("Main effects", ["factor", "level", "trials", "mean", "effect"], rows, EFFECTS)


def unfinished_table(trials: list[Outcome]) -> Table:
    """A row a trial that has no score, and why."""
    return Table("Without a score", ["trial", "status", "why"], [[t.name, t.status, t.error] for t in trials])


def charts(
    finished: list[Outcome], ranked: list[Setting], effects: dict[str, list[Effect]], scored: str
) -> list[dict[str, Any]]:
    """Drawings by what they show; those that have nothing to show are left out."""
    keys = [key for key in levels(finished) if key != SEED]
    axes = map_keys(list(effects))
    drawn = {"Map": [heat_map(*cells(finished, axes, scored))] if len(axes) > 1 else []}
    rows = [(f"{key}={e.level}", e.effect, e.half) for key, column in effects.items() for e in column]
    drawn["Main effects"] = [intervals(rows)] if rows else []
    numbers = [key for key in keys if key not in effects]
    drawn["Numbers that were searched"] = [
        scatter([(float(s.value(key)), s.mean("val"), title_of(s, keys)) for s in ranked], key, scored)
        for key in numbers
    ]
    costs = {
        title: [(s.cost(cost), s.mean("val"), title_of(s, keys)) for s in ranked if isfinite(s.cost(cost))]
        for cost, title in COSTS.items()
    }
    drawn["Cost"] = [scatter(points, title, scored) for title, points in costs.items() if points]
    point = "Each point is a setting, its mean over seeds; the pointer shows which."
    notes = {"Main effects": "The table of main effects, drawn.", "Cost": point, "Numbers that were searched": point}
    if len(axes) > 1:
        notes["Map"] = f"Mean {scored} over seeds and whatever isn't an axis. Rows: {axes[-2]}, columns: {axes[-1]}."
    return [{"title": title, "note": notes[title], "drawings": found} for title, found in drawn.items() if found]


def cells(
    finished: list[Outcome], axes: list[str], scored: str
) -> tuple[dict[tuple[str, str, str], float], tuple[str, str, str]]:
    """Mean scores by (panel, row, column), and what these are; two axes make one panel without a name."""
    panel, row, column = axes if len(axes) == 3 else ("", *axes)
    found: dict[tuple[str, str, str], list[float]] = {}
    for trial in finished:
        place = (level(trial, panel) if panel else "", level(trial, row), level(trial, column))
        found.setdefault(place, []).append(trial.score("val", scored))
    return {place: fmean(values) for place, values in found.items()}, (panel, row, column)


def map_keys(factors: list[str]) -> list[str]:
    """Two or three factors for panels, rows and columns: loss, up-sampling and fusion first."""
    chosen = [*(key for key in MAP_KEYS if key in factors), *(key for key in factors if key not in MAP_KEYS)][:3]
    return sorted(chosen, key=lambda key: MAP_KEYS.index(key) if key in MAP_KEYS else -1)


def markdown(found: dict[str, Any]) -> str:
    """sweep.md."""
    lines = [f"# {found['title']}", "", f"{found['counts']} {found['basis']}", "", found["advice"], ""]
    lines += ["```", found["command"], "```", ""] if found["command"] else []
    return "\n".join([*lines, *map(page.markdown, found["tables"])])


def write_csv(path: Path, outcomes: list[Outcome]) -> None:
    """One line a trial: its overrides, status, every score of validation and test, costs, and why it failed."""
    keys = list(dict.fromkeys(key for trial in outcomes for key in trial.overrides))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        scores = [(split, name) for split in ("val", "test") for name in SCORES]
        writer.writerow(["trial", *keys, "status", *(f"{s}_{n}" for s, n in scores), *COSTS, "error"])
        for trial in outcomes:
            numbers = [trial.score(*pair) for pair in scores] + [trial.cost(cost) for cost in COSTS]
            shown = ["" if isnan(value) else value for value in numbers]
            values = [trial.overrides.get(key, "") for key in keys]
            writer.writerow([trial.name, *values, trial.status, *shown, trial.error])
