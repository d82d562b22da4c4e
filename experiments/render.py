"""The pages of the studies: `python -m experiments.render` writes tables and figures anew from results/*.json.

In a README everything between a line `<!-- KIND {what} -->` and `<!-- end -->` is written here; the rest is prose.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import nan, sqrt
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from omegaconf import OmegaConf
from scipy.special import stdtrit

from experiments import figures
from unet_lightning import picture, sweep_report
from unet_lightning.chart import curves, heat_map, short
from unet_lightning.outcome import SEED, Outcome, settings
from unet_lightning.ranking import advice, best_of, effects_of

HERE = Path(__file__).parent
BLOCK = re.compile(r"(<!-- (\w+) (\{[^\n]*\}) -->\n).*?(<!-- end -->)", re.DOTALL)
NAMES = {
    **{
        "iou": "IoU",
        "iou_grown": "IoU, ridge grown back",
        "dice": "Dice",
        "boundary_f1": "boundary F1",
        "seg": "SEG",
        "aji": "AJI",
        "pq": "PQ",
    },
    **{"ap50": "AP at 0.5", "joined": "merged cells", "split": "split cells", "missed": "missed cells"},
    **{"invented": "invented cells", "seconds": "seconds a trial", "parameters": "parameters"},
}
COUNTS = ("joined", "split", "missed", "invented")
COSTS = ("seconds", "parameters")
ABSENT = "*Not run yet: `{command}`, then `python -m experiments.collect {study} {preset}` and `make studies`.*"
Trials = list[dict[str, Any]]
Cell = tuple[float, float, int]  # mean over seeds, half the width of its 95 % interval, number of seeds


@dataclass(frozen=True)
class Study:
    """A folder of experiments/, and where its figures go."""

    folder: Path
    output: Path

    def results(self, preset: str) -> dict[str, Any] | None:
        """What was kept of a preset's run; None where it was not run yet."""
        path = self.folder / "results" / f"{preset}.json"
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None

    def image(self, name: str, title: str, drawing: str) -> str:
        """Write an SVG; the line that shows it."""
        (self.output / "results").mkdir(parents=True, exist_ok=True)
        (self.output / "results" / name).write_text(drawing + "\n", encoding="utf-8")
        return f"![{title}](results/{name})"


def render(study: Study) -> str:
    """The text of a study's README with every block written anew; its figures go to the study's output."""

    def block(found: re.Match[str]) -> str:
        what: dict[str, Any] = OmegaConf.to_container(OmegaConf.create(found[3]))  # type: ignore[assignment]
        return f"{found[1]}{content(study, found[2], what)}\n{found[4]}"

    return BLOCK.sub(block, (study.folder / "README.md").read_text(encoding="utf-8"))


def content(study: Study, kind: str, what: dict[str, Any]) -> str:
    """What belongs into a block, or that its preset was not run yet."""
    if kind == "picture":
        return draw(study, **what)
    preset = what.pop("preset")
    results = study.results(preset)
    if results is None:
        command = f"python train.py -m -cd experiments/{study.folder.name} -cn {preset}"
        return ABSENT.format(command=command, study=study.folder.name, preset=preset)
    return KINDS[kind](study, results, **what)


def facts(study: Study, results: Mapping[str, Any]) -> str:
    """Preset, machine, date and commit."""
    trials = results["trials"]
    seeds = len({seed_of(trial) for trial in trials})
    seconds = fmean(trial["seconds"] for trial in trials)
    return (
        f"*Preset `{results['preset']}`: {len(trials)} trials, {seeds} seeds, {seconds:.0f} s a trial on average; "
        f"{results['machine']}; {results['date']}; commit {results['commit']}.*"
    )


def table(
    study: Study, results: Mapping[str, Any], rows: list[str], scores: list[str], where: Mapping[str, str] | None = None
) -> str:
    """Mean over seeds of a setting a row, with its interval, and from where on a difference counts."""
    groups = grouped(chosen(results, where or {}), rows)
    columns = {score: cells(groups, score) for score in scores}
    lines = [[*rows, *(NAMES[score] for score in scores)], ["---"] * len(rows) + ["---:"] * len(scores)]
    lines += [[*group, *(shown(columns[score][group], score) for score in scores)] for group in groups]
    least = [least_difference(columns[score].values(), score) for score in scores]
    if any(least):
        lines.append(
            ["*two rows differ from*", *[""] * (len(rows) - 1), *(f"*{text}*" if text else "" for text in least)]
        )
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def chart(
    study: Study, results: Mapping[str, Any], x: str, lines: str, score: str, where: Mapping[str, str] | None = None
) -> str:
    """A score against a number, a line a setting."""
    groups = grouped(chosen(results, where or {}), [lines, x])
    values = cells(groups, score)
    drawn: dict[str, list[tuple[float, float, float]]] = {}
    for (line, number), (mean, half, _) in values.items():
        drawn.setdefault(line, []).append((float(number), mean, half))
    return study.image(f"{results['preset']}_{score}.svg", f"{NAMES[score]} by {x}", curves(drawn, x, NAMES[score]))


def frames(study: Study, results: Mapping[str, Any], score: str, where: Mapping[str, str]) -> str:
    """A score of every test image in their order, mean over seeds."""
    trials = chosen(results, where)
    images = {name: [t["images"][name][score] for t in trials] for name in trials[0]["images"]}
    there = {name: [v for v in values if v == v] for name, values in images.items()}
    points = [(float(name.rsplit("t", 1)[1]), fmean(v), spread(v)) for name, v in there.items() if v]
    title = ", ".join(where.values())
    name = f"{results['preset']}_{'_'.join(where.values())}_{score}.svg"
    return study.image(name, f"{NAMES[score]} of every test frame", curves({title: points}, "frame", NAMES[score]))


def heat(
    study: Study, results: Mapping[str, Any], rows: str, columns: str, score: str, where: Mapping[str, str]
) -> str:
    """A score by two keys."""
    values = cells(grouped(chosen(results, where), [rows, columns]), score)
    means = {("", row, column): mean for (row, column), (mean, _, _) in values.items()}
    drawn = heat_map(means, ("", rows, columns))
    return study.image(f"{results['preset']}_{score}_map.svg", f"{NAMES[score]} by {rows} and {columns}", drawn)


def sweep(study: Study, results: Mapping[str, Any], score: str) -> str:
    """What `unet-lightning sweep-report` says: the validation split's best, and the main effects."""
    outcomes = [Outcome(t["name"], dict(o.split("=", 1) for o in t["overrides"]), t) for t in results["trials"]]
    ranked = settings(outcomes, score)
    effects = effects_of(outcomes, ranked, score)
    keys = list(effects)
    parts = [advice(best_of(ranked), ranked, keys)]
    for drawn in sweep_report.charts(outcomes, ranked, effects, score):
        for number, drawing in enumerate(drawn["drawings"]):
            name = f"{results['preset']}_{drawn['title'].lower().replace(' ', '_')}{number or ''}.svg"
            parts.append(study.image(name, drawn["title"], drawing))
    return "\n\n".join(parts)


def draw(study: Study, name: str, title: str) -> str:
    """A picture of figures.py, written as PNG."""
    example = study.folder / "results" / f"{name}.json"
    if name == "samples":
        drawn = figures.draw_samples()
    elif example.is_file():
        drawn = figures.draw_example(json.loads(example.read_text(encoding="utf-8")))
    else:
        return "*Not drawn yet.*"
    (study.output / "results").mkdir(parents=True, exist_ok=True)
    picture.write(str(study.output / "results" / f"{name}.png"), drawn)
    return f"![{title}](results/{name}.png)"


KINDS: dict[str, Callable[..., str]] = {
    **{"facts": facts, "table": table, "chart": chart, "frames": frames, "heat": heat, "sweep": sweep}
}


def chosen(results: Mapping[str, Any], where: Mapping[str, str]) -> Trials:
    """The trials whose settings hold all that is asked for."""
    return [trial for trial in results["trials"] if where.items() <= trial["setting"].items()]


def grouped(trials: Trials, keys: Sequence[str]) -> dict[tuple[str, ...], Trials]:
    """Trials by their values for some keys."""
    found: dict[tuple[str, ...], Trials] = {}
    for trial in trials:
        found.setdefault(tuple(trial["setting"].get(key, "–") for key in keys), []).append(trial)
    return found


def cells(groups: Mapping[tuple[str, ...], Trials], score: str) -> dict[tuple[str, ...], Cell]:
    """Mean and 95 % interval of every group; the deviation between seeds is pooled over all groups (Student's t)."""
    values = {group: [number(trial, score) for trial in trials] for group, trials in groups.items()}
    freedom = sum(len(column) - 1 for column in values.values())
    squares = sum((value - fmean(column)) ** 2 for column in values.values() for value in column)
    width = float(stdtrit(freedom, 0.975)) * sqrt(squares / freedom) if freedom else nan
    return {group: (fmean(column), width / sqrt(len(column)), len(column)) for group, column in values.items()}


def least_difference(column: Any, score: str) -> str:
    """How far two rows must lie apart for the 95 % interval of their difference to leave out 0; where all are alike."""
    halves = {(round(half, 9), number) for _, half, number in column}
    if score in COSTS or len(halves) != 1:
        return ""
    half = next(iter(halves))[0]
    return "" if np.isnan(half) else f"{sqrt(2) * half:.{1 if score in COUNTS else 3}f}"


def spread(values: Sequence[float]) -> float:
    """Half the range between seeds."""
    return (max(values) - min(values)) / 2


def shown(cell: Cell, score: str) -> str:
    """A mean as text, with half the width of its interval."""
    mean, half, _ = cell
    if score in COSTS:
        return short(mean) if score == "parameters" else f"{mean:.0f}"
    digits = 1 if score in COUNTS else 3
    return f"{mean:.{digits}f}" + ("" if np.isnan(half) else f" ± {half:.{digits}f}")


def number(trial: Mapping[str, Any], score: str) -> float:
    """A score or cost of a trial."""
    return float(trial[score] if score in COSTS else trial["scores"][score])


def seed_of(trial: Mapping[str, Any]) -> str:
    """The seed a trial overrides."""
    return next((o.partition("=")[2] for o in trial["overrides"] if o.startswith(f"{SEED}=")), "")


def main() -> None:
    """Write every study's README and figures."""
    for path in sorted(HERE.glob("*/README.md")):
        text = render(Study(path.parent, path.parent))
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
