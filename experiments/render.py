"""The pages of the studies: `python -m experiments.render` writes tables and figures anew from results/*.json.

In a README, in either language, everything between a line `<!-- KIND {what} -->` and `<!-- end -->` is written here;
the rest is prose.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan, sqrt
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from omegaconf import OmegaConf
from scipy.special import stdtrit

from experiments import chinese, figures
from unet_lightning.error import InputError, nearest
from unet_lightning.metric.names import COUNT_NAMES, SCORE_NAMES
from unet_lightning.page.chart import curves, heat_map, short
from unet_lightning.page.picture import encode_png
from unet_lightning.runtime.files import write_atomic
from unet_lightning.sweep.outcome import SEED, Outcome
from unet_lightning.sweep.report import summary

HERE = Path(__file__).parent
BLOCK = re.compile(r"(<!-- (\w+) (\{[^\n]*\}) -->\n).*?(<!-- end -->)", re.DOTALL)
NAMES = {
    **SCORE_NAMES,
    **COUNT_NAMES,
    "joined": "merged cells",
    "split": "split cells",
    "seconds": "seconds a trial",
    "parameters": "parameters",
    "steps": "steps",
    "class_iou": "mean IoU of classes",
    "otsu": "Dice of Otsu's threshold",
}
COUNTS = ("joined", "split", "false_negatives", "false_positives")
COSTS = ("seconds", "parameters", "steps")
ABSENT = "*Not run yet: `{command}`, then `python -m experiments.collect {study} {preset}` and `make studies`.*"
Trials = list[dict[str, Any]]


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


def render(study: Study, page: str = "README.md") -> str:
    """The text of a study's page with every block written anew; its figures go to the study's output."""

    def block(found: re.Match[str]) -> str:
        what: dict[str, Any] = OmegaConf.to_container(OmegaConf.create(found[3]))  # type: ignore[assignment]
        text = content(study, found[2], what)
        return f"{found[1]}{chinese.translated(text) if page.endswith(chinese.ENDING) else text}\n{found[4]}"

    return BLOCK.sub(block, (study.folder / page).read_text(encoding="utf-8"))


def content(study: Study, kind: str, what: dict[str, Any]) -> str:
    """What belongs into a block, or that its preset was not run yet."""
    if kind == "picture":
        return draw(study, **what)
    if kind not in KINDS:
        raise InputError(f"{study.folder}: no block is called {kind}; {nearest(kind, KINDS)}")
    preset = what.pop("preset")
    results = study.results(preset)
    if results is None:
        if not (study.folder / f"{preset}.yaml").is_file():
            return f"*Not run yet: `python -m experiments.{study.folder.name} {preset}`, then `make studies`.*"
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
    """Mean over seeds of a setting a row, with its interval."""
    groups = grouped(chosen(results, where), rows)
    return laid_out(rows, scores, {g: [shown(values(t, score), score) for score in scores] for g, t in groups.items()})


def differences(
    study: Study,
    results: Mapping[str, Any],
    rows: list[str],
    scores: list[str],
    against: Mapping[str, str],
    where: Mapping[str, str] | None = None,
) -> str:
    """How far every setting lies from the one that has `against` in its place, paired by seed."""
    groups = grouped(chosen(results, where), rows)
    cells = {}
    for group, trials in groups.items():
        other = tuple(against.get(key, value) for key, value in zip(rows, group, strict=True))
        if other != group:
            cells[group] = [shown(gains(trials, groups[other], score), score, sign="+") for score in scores]
    return laid_out(rows, scores, cells)


def chart(
    study: Study, results: Mapping[str, Any], x: str, lines: str, score: str, where: Mapping[str, str] | None = None
) -> str:
    """A score against a number, a line a setting, the bars from the lowest to the highest seed."""
    drawn: dict[str, list[tuple[float, float, float, float]]] = {}
    for (line, place), trials in grouped(chosen(results, where), [lines, x]).items():
        drawn.setdefault(line, []).append(point(float(place), values(trials, score)))
    name = file_name(results, where, score)
    return study.image(name, f"{NAMES[score]} by {x}", curves(drawn, x, NAMES[score]))


def frames(study: Study, results: Mapping[str, Any], score: str, where: Mapping[str, str]) -> str:
    """A score of every test frame, the bars from the lowest to the highest seed."""
    found: dict[str, list[float]] = {}
    for trial in chosen(results, where):
        for name, image in trial["images"].items():
            found.setdefault(name, []).append(image[score])
    points = [point(float(name.rsplit("t", 1)[1]), column) for name, column in found.items() if not isnan(column[0])]
    drawn = curves({", ".join(where.values()): points}, "frame", NAMES[score])
    return study.image(file_name(results, where, score), f"{NAMES[score]} of every test frame", drawn)


def heat(
    study: Study, results: Mapping[str, Any], rows: str, columns: str, score: str, where: Mapping[str, str]
) -> str:
    """A score by two keys."""
    groups = grouped(chosen(results, where), [rows, columns])
    means = {("", row, column): fmean(values(trials, score)) for (row, column), trials in groups.items()}
    drawn = heat_map(means, ("", rows, columns))
    return study.image(file_name(results, where, score, "map"), f"{NAMES[score]} by {rows} and {columns}", drawn)


def sweep(study: Study, results: Mapping[str, Any], score: str) -> str:
    """What `unet-lightning sweep-report` says: the validation split's best, the main effects, the charts."""
    outcomes = [Outcome(t["name"], dict(o.split("=", 1) for o in t["overrides"]), t) for t in results["trials"]]
    found = summary(study.folder, outcomes, score)
    effects = next(table for table in found["tables"] if table.title == "Main effects")
    parts = [found["advice"], effects.markdown().partition("\n\n")[2].strip()]
    for drawn in found["charts"]:
        for n, drawing in enumerate(drawn["drawings"]):
            name = f"{results['preset']}_{drawn['title'].lower().replace(' ', '_')}{n or ''}.svg"
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
    write_atomic(study.output / "results" / f"{name}.png", encode_png(drawn))
    return f"![{title}](results/{name}.png)"


KINDS: dict[str, Callable[..., str]] = {
    kind.__name__: kind for kind in (facts, table, differences, chart, frames, heat, sweep)
}


def chosen(results: Mapping[str, Any], where: Mapping[str, str] | None) -> Trials:
    """The trials whose settings hold all that is asked for; InputError where none does."""
    found = [trial for trial in results["trials"] if (where or {}).items() <= trial["setting"].items()]
    if not found:
        raise InputError(f"where: {where}: no trial of {results['preset']}.json has it")
    return found


def grouped(trials: Trials, keys: Sequence[str]) -> dict[tuple[str, ...], Trials]:
    """Trials by their values for some keys."""
    found: dict[tuple[str, ...], Trials] = {}
    for trial in trials:
        found.setdefault(tuple(trial["setting"].get(key, "–") for key in keys), []).append(trial)
    return found


def values(trials: Trials, score: str) -> list[float]:
    """A score or cost of every trial."""
    return [float(trial[score] if score in COSTS else trial["scores"][score]) for trial in trials]


def half_width(column: Sequence[float]) -> float:
    """Of the 95 % interval of the mean, by Student's t from these values alone: seeds move some settings farther."""
    return float(stdtrit(len(column) - 1, 0.975)) * stdev(column) / sqrt(len(column)) if len(column) > 1 else nan


def point(x: float, column: Sequence[float]) -> tuple[float, float, float, float]:
    """Of a chart: mean, lowest, highest."""
    return x, fmean(column), min(column), max(column)


def gains(trials: Trials, others: Trials, score: str) -> list[float]:
    """Of every seed that both have, how much more these trials have than those."""
    first, second = ({seed_of(trial): trial for trial in group} for group in (trials, others))
    pairs = [values([first[seed], second[seed]], score) for seed in sorted(first.keys() & second.keys())]
    return [one - other for one, other in pairs]


def laid_out(rows: Sequence[str], scores: Sequence[str], cells: Mapping[tuple[str, ...], Sequence[str]]) -> str:
    """A Markdown table of scores, a setting a row."""
    lines = [[*rows, *(NAMES[score] for score in scores)], ["---"] * len(rows) + ["---:"] * len(scores)]
    lines += [[*group, *shown] for group, shown in cells.items()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def shown(column: Sequence[float], score: str, sign: str = "") -> str:
    """A mean as text, with half the width of its interval."""
    mean, half = fmean(column), half_width(column)
    if score in COSTS:
        return short(mean) if score == "parameters" else f"{mean:.0f}"
    digits = 1 if score in COUNTS else 3
    return f"{mean:{sign}.{digits}f}" + ("" if isnan(half) else f" ± {half:.{digits}f}")


def file_name(results: Mapping[str, Any], where: Mapping[str, str] | None, *words: str) -> str:
    """Of a figure: preset, what was asked for, and what it shows."""
    return "_".join([results["preset"], *(where or {}).values(), *words]) + ".svg"


def seed_of(trial: Mapping[str, Any]) -> str:
    """The seed a trial overrides."""
    return next((o.partition("=")[2] for o in trial["overrides"] if o.startswith(f"{SEED}=")), "")


def main() -> None:
    """Write every study's pages and figures."""
    for path in sorted(HERE.glob("*/README*.md")):
        text = render(Study(path.parent, path.parent), path.name)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
