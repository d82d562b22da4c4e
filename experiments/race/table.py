"""The table of the race, and how soon this product reached the final score of the other, from results/*.json."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments import chinese
from experiments.race.contestants import CONTESTANTS
from experiments.race.scoring import RESAMPLES
from experiments.race.sets import SETS
from unet_lightning.evaluation.paired import paired
from unet_lightning.metric.names import SCORE_NAMES

HERE = Path(__file__).parent
RESULTS = HERE / "results"
BLOCK = re.compile(r"(<!-- table -->\n).*?(<!-- end -->)", re.DOTALL)
RIVAL = "monai"
SHOWN = ("iou", "dice", "seg", "ap50", "aji", "boundary_f1")
ABSENT = "*Not raced yet: `make race`.*"
Result = Mapping[str, Any]


def write_page(path: Path) -> None:
    """Write the block of a page anew from what is kept."""
    path.write_text(rendered(path, read_results(RESULTS)), encoding="utf-8")


def rendered(path: Path, results: Sequence[Result]) -> str:
    """The text of a page with its block written anew, in its language."""
    text = block(results)
    text = chinese.translated(text) if path.name.endswith(chinese.ENDING) else text
    return BLOCK.sub(lambda found: f"{found[1]}{text}\n{found[2]}", path.read_text(encoding="utf-8"))


def read_results(folder: Path) -> list[dict[str, Any]]:
    """What is kept, by set and contestant in their order."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")]
    order = [*SETS], [*CONTESTANTS]
    return sorted(found, key=lambda one: (order[0].index(one["set"]), order[1].index(one["contestant"])))


def block(results: Sequence[Result]) -> str:
    """A table of scores, one of differences from the rival, and one of how soon its final score was reached."""
    if not results:
        return ABSENT
    machines = sorted({f"{one['machine']}; {one['date']}; commit {one['commit']}" for one in results})
    parts = [f"*{'; '.join(machines)}.*", scores_table(results)]
    by_set = {name: [one for one in results if one["set"] == name] for name in SETS}
    rows = [row for found in by_set.values() for row in against(found)]
    if rows:
        parts += ["Differences from the MONAI recipe, image by image:", laid_out(["set", "contestant", *names()], rows)]
    soon = [row for found in by_set.values() for row in how_soon(found)]
    if soon:
        head = ["set", "contestant", "validation score", "the rival's best", "reached after", "share of the time"]
        parts += ["How soon the rival's best validation score was reached:", laid_out(head, soon)]
    return "\n\n".join(parts)


def names() -> list[str]:
    """The columns of scores."""
    return [SCORE_NAMES[name] for name in SHOWN]


def scores_table(results: Sequence[Result]) -> str:
    """A row for each result, each score with its interval."""
    rows = [
        [
            SETS[one["set"]].title,
            CONTESTANTS[one["contestant"]].title,
            f"{one['taken']:.0f} of {one['seconds']}" if one["taken"] else f"{one['seconds']}",
            str(one["validations"][-1]["step"]),
            *(with_interval(one, name) for name in SHOWN),
        ]
        for one in results
    ]
    return laid_out(["set", "contestant", "processor s", "steps", *names()], rows)


def with_interval(one: Result, name: str) -> str:
    """A score and its interval; a dash where it isn't defined."""
    if name not in one["scores"]:
        return "–"
    low, high = one["intervals"][name]
    return f"{one['scores'][name]:.3f} ({low:.3f}–{high:.3f})"


def against(found: Sequence[Result]) -> list[list[str]]:
    """Of the results of a set: how far each lies above the rival, means over images with intervals."""
    rival = next((one for one in found if one["contestant"] == RIVAL), None)
    if rival is None:
        return []
    rows = []
    for one in found:
        if one is not rival:
            pairs = [difference(rival, one, name) for name in SHOWN]
            rows.append([SETS[one["set"]].title, CONTESTANTS[one["contestant"]].title, *pairs])
    return rows


def difference(rival: Result, one: Result, name: str) -> str:
    """The mean over images of a difference, with its interval; ValueError where the images aren't the same."""
    if name not in one["scores"]:
        return "–"
    ids = [row["id"] for row in one["images"]]
    if ids != [row["id"] for row in rival["images"]]:
        raise ValueError(f"{one['set']}: {one['contestant']} and {rival['contestant']} were scored on other images")
    theirs, ours = (np.array([row[name] for row in result["images"]], float) for result in (rival, one))
    found = paired(theirs, ours, ids, RESAMPLES)
    return f"{found['difference']:+.3f} ({found['low']:+.3f} to {found['high']:+.3f})"


def how_soon(found: Sequence[Result]) -> list[list[str]]:
    """Of the results of a set: when each first had the rival's best validation score."""
    rival = next((one for one in found if one["contestant"] == RIVAL), None)
    if rival is None:
        return []
    rows = []
    for one in found:
        for name in ("dice", "pq") if one is not rival else ():
            if all(point.get(name) is not None for point in one["validations"] + rival["validations"]):
                best = max(point[name] for point in rival["validations"])
                after = reached(one["validations"], name, best)
                times = ["not reached", "–"] if after is None else [f"{after:.0f} s", f"{after / one['seconds']:.2f}"]
                title = CONTESTANTS[one["contestant"]].title
                rows.append([SETS[one["set"]].title, title, SCORE_NAMES[name], f"{best:.3f}", *times])
    return rows


def reached(validations: Sequence[Mapping[str, Any]], name: str, score: float) -> float | None:
    """Seconds until the first validation that is at least as good as `score`; None where none is.

    >>> reached([{"seconds": 9, "dice": 0.4}, {"seconds": 18, "dice": 0.6}], "dice", 0.5)
    18
    """
    return next((point["seconds"] for point in validations if point[name] >= score), None)


def laid_out(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
