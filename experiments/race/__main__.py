"""`python -m experiments.race [SET…]`: every race that isn't kept yet, each once, then the tables of its pages.

What is finished lies in results/SET_CONTESTANT.json; delete a file to race again. `--only CONTESTANT` starts one of
them alone, `--table` none.
"""

import json
import sys
from argparse import ArgumentParser
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from experiments.collect import rounded
from experiments.race.contestants import CONTESTANTS, Contestant
from experiments.race.scoring import DICE, QUALITY, score_labels
from experiments.race.sets import RaceSet, chosen, describe
from experiments.race.table import HERE, RESULTS, write_page
from unet_lightning.error import InputError
from unet_lightning.record import DataSet
from unet_lightning.runtime.machine import machine


def main() -> None:
    """Race on the sets that are there, and say which aren't."""
    rules = ArgumentParser(prog="python -m experiments.race", description=__doc__)
    rules.add_argument("sets", nargs="*", metavar="SET")
    rules.add_argument("--only", choices=sorted(CONTESTANTS))
    rules.add_argument("--table", action="store_true", help="write the tables anew, and race nothing")
    typed = rules.parse_args()
    sets = chosen(typed.sets)
    contestants = [one for one in CONTESTANTS.values() if typed.only in (None, one.name) and not typed.table]
    for contestant in contestants:
        for race_set in sets:
            path = RESULTS / f"{race_set.name}_{contestant.name}.json"
            if path.is_file() or race_set.name not in (contestant.sets or [race_set.name]):
                continue
            try:
                dataset = race_set.dataset()
            except InputError as error:
                print(f"skipped: {error}")
                continue
            write(path, result(contestant, race_set, dataset))
    for path in sorted(HERE.glob("README*.md")):
        write_page(path)


def result(contestant: Contestant, race_set: RaceSet, dataset: DataSet) -> dict[str, Any]:
    """Train, score the test split once, and say where that was."""
    curve = contestant.train(race_set)
    points = [
        {"seconds": p["seconds"], "step": p["step"], "dice": p["scores"].get(DICE), "pq": p["scores"].get(QUALITY)}
        for p in curve["points"]
    ]
    return {
        "set": race_set.name,
        "contestant": contestant.name,
        "seconds": race_set.seconds,
        "taken": curve.get("seconds"),
        "split": describe(dataset),
        "machine": machine(),
        "date": datetime.now(UTC).date().isoformat(),
        "commit": contestant.commit(race_set),
        **score_labels(dataset, contestant.labels(race_set, dataset)),
        "validations": points,
    }


def write(path: Path, found: dict[str, Any]) -> None:
    """Keep a result; each image and each validation is a line."""
    path.parent.mkdir(exist_ok=True)
    lines = []
    for key, node in rounded(found).items():
        rows = ",".join(f"\n  {json.dumps(row)}" for row in node) if isinstance(node, list) else ""
        lines.append(f' "{key}": ' + (f"[{rows}\n ]" if rows else json.dumps(node, ensure_ascii=False)))
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(f"error: {error}")
