"""A finished sweep as one file that is kept: `python -m experiments.collect STUDY PRESET`.

Scores the best checkpoint of every trial on the test split, once, with the code of `unet-lightning evaluate`, and
writes experiments/STUDY/results/PRESET.json with settings, scores, costs, machine, date and commit.
"""

import json
import sys
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from experiments import figures
from unet_lightning.command.evaluate import main as evaluate_main
from unet_lightning.config.plain import read_config
from unet_lightning.error import InputError
from unet_lightning.evaluation.protocol import read_evaluation
from unet_lightning.runtime.files import CONFIG
from unet_lightning.sweep.outcome import SEED, Outcome, read_sweep

HERE = Path(__file__).parent
SCORES = ("iou", "dice", "precision", "recall")
OBJECTS = ("aji", "pq", "seg", "ap50")
PER_IMAGE = ("iou", "seg", "aji")
KEPT = ("status", "overrides", "choices", "seconds", "parameters", "memory")


def main(arguments: Sequence[str]) -> int:
    """Write the results of a study's preset, and what its picture shows."""
    rules = ArgumentParser(prog="python -m experiments.collect", description=__doc__)
    rules.add_argument("study", choices=sorted(path.parent.name for path in HERE.glob("*/quick.yaml")))
    rules.add_argument("preset", help="quick, full, or another yaml of the study")
    rules.add_argument("--sweep", type=Path, help="the sweep's folder; outputs/studies/STUDY/PRESET if left out")
    rules.add_argument("--output", type=Path, help="where to write; the study's results/ if left out")
    typed = rules.parse_args(arguments)
    folder = typed.sweep or Path("outputs/studies") / typed.study / typed.preset
    found = collect(folder, typed.preset, f"python train.py -m -cd experiments/{typed.study} -cn {typed.preset}")
    output = typed.output or HERE / typed.study / "results"
    output.mkdir(parents=True, exist_ok=True)
    write(output / f"{typed.preset}.json", found)
    if (typed.study, typed.preset) == figures.EXAMPLE_OF:
        write(output / f"{typed.preset}_example.json", figures.example(folder, found["trials"]))
    return 0


def collect(folder: Path, preset: str, command: str) -> dict[str, Any]:
    """Everything that is kept of a sweep; InputError where a trial is missing or there twice."""
    outcomes = read_sweep(folder)
    unfinished = [outcome.name for outcome in outcomes if outcome.status != "finished"]
    if unfinished:
        raise InputError(f"{folder}: {len(unfinished)} trials aren't finished, such as {unfinished[0]}; start it again")
    number = Counter(frozenset(outcome.overrides.items()) for outcome in outcomes)
    twice = [outcome.name for outcome in outcomes if number[frozenset(outcome.overrides.items())] > 1]
    if twice:
        raise InputError(f"{folder}: {' and '.join(twice)} are the same trial; delete one, or its folder")
    keys = sorted({key for outcome in outcomes for key in outcome.overrides if key != SEED})
    return {
        "preset": preset,
        "command": command,
        "machine": ", ".join(sorted({outcome.results["machine"] for outcome in outcomes})),
        "date": date.fromtimestamp(max(path.stat().st_mtime for path in folder.glob("*/results.json"))).isoformat(),
        "commit": ", ".join(sorted({outcome.results["commit"] for outcome in outcomes})),
        "trials": [trial(folder / outcome.name, outcome, keys) for outcome in outcomes],
    }


def trial(folder: Path, outcome: Outcome, keys: Sequence[str]) -> dict[str, Any]:
    """What is kept of a trial: in the form of results.json, with the test scores of `evaluate` as `scores`."""
    results, scored = outcome.results, evaluated(folder)
    kept = {"name": outcome.name} | {key: results[key] for key in KEPT}
    for split in ("val", "test"):
        pooled = results[split]["pooled"]
        kept[split] = {"pooled": {name: {"foreground": pooled[name]["foreground"]} for name in ("dice", "iou")}}
    scores = {name: scored["pooled"][name]["foreground"] for name in SCORES}
    scores["boundary_f1"] = scored["image_mean"]["boundary_f1"]["foreground"]
    scores |= {name: scored["objects"][name] for name in OBJECTS} | scored["counts"]
    config = read_config(folder / CONFIG)
    kept["setting"] = {key: value(key, outcome, config) for key in keys}
    kept["scores"] = scores
    kept["images"] = {row["id"]: {name: row[name] for name in PER_IMAGE} for row in scored["per_image"]}
    return {key: rounded(node) for key, node in kept.items()}


def evaluated(folder: Path) -> dict[str, Any]:
    """The scores of a trial's best checkpoint on the test split, anew: another file there may be of another code."""
    output = folder / "evaluation" / "collected"
    checkpoint = folder / "checkpoints" / "best.ckpt"
    evaluate_main([str(checkpoint), "--output", str(output), "resamples=100", "worst=0"])
    return read_evaluation(output)


def value(key: str, outcome: Outcome, config: Mapping[str, Any]) -> str:
    """What a trial has for a key: the file that was chosen, or the value in its config; a dash where it has neither."""
    if key in outcome.results["choices"]:
        return str(outcome.results["choices"][key])
    node: Any = config
    for name in key.split("."):
        node = node.get(name) if isinstance(node, Mapping) else None
    return "–" if node is None else f"{node:g}" if isinstance(node, int | float) else str(node)


def rounded(node: Any) -> Any:
    """Numbers to five decimals, which is more than they mean."""
    if isinstance(node, Mapping):
        return {key: rounded(value) for key, value in node.items()}
    if isinstance(node, list):
        return [rounded(value) for value in node]
    return round(node, 5) if isinstance(node, float) else node


def write(path: Path, content: Mapping[str, Any]) -> None:
    """Replace a JSON file; every key, and every trial, is a line."""
    lines = []
    for key, node in content.items():
        rows = [f"\n  {json.dumps(row, ensure_ascii=False)}" for row in node] if key == "trials" else []
        lines.append(f' "{key}": ' + (f"[{','.join(rows)}\n ]" if rows else json.dumps(node, ensure_ascii=False)))
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except InputError as error:
        sys.exit(f"error: {error}")
