"""The report of a sweep: settings, effects, costs."""

from math import isfinite, isnan
from pathlib import Path
from statistics import fmean
from typing import Any

from unet_lightning.metric.names import SCORE_NAMES
from unet_lightning.metric.semantic import SCORES
from unet_lightning.page.chart import heat_map, intervals
from unet_lightning.page.number import format_compact, format_mean_std
from unet_lightning.page.scatter import scatter
from unet_lightning.page.table import Table
from unet_lightning.sweep.effect import Effect
from unet_lightning.sweep.outcome import SEED, Outcome, Setting, level, settings, varied_levels
from unet_lightning.sweep.plan import count_statuses
from unet_lightning.sweep.ranking import advice, best_of, command, effects_of, title_of

COSTS = {"seconds": "seconds a trial", "memory": "peak memory, MiB", "parameters": "parameters"}
ENOUGH = 3  # seeds
MAP_KEYS = ("fusion", "loss", "upsample")  # panels, rows, columns
EFFECTS = (
    "The difference of a level from the mean of all levels of its factor, adjusted for the other factors and for the "
    "seeds (least squares, no interactions), with the 95 % interval. A dash: these trials don't determine it."
)


def summary(folder: Path, outcomes: list[Outcome], scored: str) -> dict[str, Any]:
    """The content of the report, for Markdown and HTML."""
    finished = [trial for trial in outcomes if not isnan(trial.score("val", scored))]
    ranked = settings(finished, scored)
    effects = effects_of(finished, ranked, scored)
    keys, best = [key for key in varied_levels(outcomes) if key != SEED], best_of(ranked)
    tables = [settings_table(ranked, keys)] * bool(ranked) + [effects_table(effects)] * bool(effects)
    unfinished = [trial for trial in outcomes if isnan(trial.score("val", scored))]
    return {
        "title": f"Sweep {folder.resolve().name}",
        "counts": f"{count_statuses([trial.status for trial in outcomes])}.",
        "basis": f"Compared by foreground {SCORE_NAMES[scored]} of the validation split, pooled over its images.",
        "advice": advice(best, ranked, keys),
        "command": command(best),
        "charts": charts(finished, ranked, effects, scored) if ranked else [],
        "tables": tables + [unfinished_table(unfinished)] * bool(unfinished),
    }


def settings_table(ranked: list[Setting], keys: list[str]) -> Table:
    """One row for each setting, best first."""
    rows = []
    for setting in ranked:
        scores = [format_mean_std(setting.mean(split), setting.std(split)) for split in ("val", "test")]
        costs = [format_compact(setting.cost(cost)) for cost in COSTS]
        number = len(setting.trials)
        rows.append([*map(setting.value, keys), f"{number} (few)" if number < ENOUGH else str(number), *scores, *costs])
    note = "Mean ± standard deviation over seeds, best first. The test split isn't used to choose."
    if any(len(setting.trials) < ENOUGH for setting in ranked):
        note += f" Fewer than {ENOUGH} seeds are few: other seeds may put what lies close together in another order."
    return Table("Settings", [*keys, "seeds", "validation", "test", *COSTS.values()], rows, note)


def effects_table(effects: dict[str, list[Effect]]) -> Table:
    """One row for each level of each factor."""
    rows = [
        [key, e.level, str(e.number), format_compact(e.mean), format_mean_std(e.effect, e.half)]
        for key, column in effects.items()
        for e in column
    ]
    return Table("Main effects", ["factor", "level", "trials", "mean", "effect"], rows, EFFECTS)


def unfinished_table(trials: list[Outcome]) -> Table:
    """One row for each trial without a score, with the reason."""
    return Table("Without a score", ["trial", "status", "why"], [[t.name, t.status, t.error] for t in trials])


def charts(
    finished: list[Outcome], ranked: list[Setting], effects: dict[str, list[Effect]], scored: str
) -> list[dict[str, Any]]:
    """The charts that have something to show, each with title, note and drawings."""
    keys = [key for key in varied_levels(finished) if key != SEED]
    axes, name = map_keys(list(effects)), f"foreground {SCORE_NAMES[scored]}"
    drawn = {"Map": [heat_map(*cells(finished, axes, scored))] if len(axes) > 1 else []}
    rows = [(f"{key}={e.level}", e.effect, e.half) for key, column in effects.items() for e in column]
    drawn["Main effects"] = [intervals(rows)] if rows else []
    numbers = [key for key in keys if key not in effects]
    drawn["Numbers that were searched"] = [
        scatter([point(s, float(s.value(key)), keys) for s in ranked], key, name) for key in numbers
    ]
    costs = {
        title: [point(s, s.cost(cost), keys) for s in ranked if isfinite(s.cost(cost))] for cost, title in COSTS.items()
    }
    drawn["Cost"] = [scatter(points, title, name) for title, points in costs.items() if points]
    text = (
        f"Each point is the mean {name} of a setting over seeds, the best ones labelled first; what has "
        "no place for a label is told under the mouse."
    )
    effect = f"The table of main effects, drawn: differences in {name} with their 95 % intervals."
    notes = {"Main effects": effect, "Cost": text, "Numbers that were searched": text}
    if len(axes) > 1:
        notes["Map"] = f"Mean {name} over seeds and all other keys. Rows: {axes[-2]}, columns: {axes[-1]}."
    return [{"title": title, "note": notes[title], "drawings": found} for title, found in drawn.items() if found]


def point(setting: Setting, x: float, keys: list[str]) -> tuple[float, float, str, str]:
    """A setting in a scatter plot: x, score, label, title."""
    return x, setting.mean("val"), ", ".join(map(setting.value, keys)), title_of(setting, keys)


def cells(
    finished: list[Outcome], axes: list[str], scored: str
) -> tuple[dict[tuple[str, str, str], float], tuple[str, str, str]]:
    """Mean scores by (panel, row, column), and the names of the axes; two axes give one panel without a name."""
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
    """The content of sweep.md."""
    lines = [f"# {found['title']}", "", f"{found['counts']} {found['basis']}", "", found["advice"], ""]
    lines += ["```", found["command"], "```", ""] if found["command"] else []
    return "\n".join([*lines, *(table.markdown() for table in found["tables"])])


def table_rows(outcomes: list[Outcome]) -> list[dict[str, Any]]:
    """One row per trial: its overrides, status, every score of validation and test, costs, and why it failed."""
    keys = dict.fromkeys(key for trial in outcomes for key in trial.overrides)
    rows = []
    for trial in outcomes:
        numbers = {f"{s}_{name}": trial.score(s, name) for s in ("val", "test") for name in SCORES}
        numbers |= {cost: trial.cost(cost) for cost in COSTS}
        shown = {name: "" if isnan(value) else value for name, value in numbers.items()}
        values = {key: trial.overrides.get(key, "") for key in keys}
        rows.append({"trial": trial.name, **values, "status": trial.status, **shown, "error": trial.error})
    return rows
