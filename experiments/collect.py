"""A finished sweep as one file that is kept: `python -m experiments.collect STUDY PRESET`.

Scores the best checkpoint of every trial on the test split, once, with the code of `unet-lightning evaluate`, and
writes experiments/STUDY/results/PRESET.json with settings, scores, costs, machine, date and commit.
"""

import json
import os
import platform
import re
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import torch

from experiments import figures
from unet_lightning import evaluate
from unet_lightning.error import InputError
from unet_lightning.folder import CONFIG
from unet_lightning.outcome import SEED, Outcome, read_sweep
from unet_lightning.part import read_config

HERE = Path(__file__).parent
OBJECTS = ("aji", "pq", "seg", "ap50")
PER_IMAGE = ("iou", "seg", "aji")


def main(arguments: Sequence[str]) -> int:
    """Write the results of a study's preset, and what its figure shows."""
    rules = ArgumentParser(prog="python -m experiments.collect", description=__doc__)
    rules.add_argument("study", choices=sorted(path.parent.name for path in HERE.glob("*/quick.yaml")))
    rules.add_argument("preset", help="quick, full, or another yaml of the study")
    rules.add_argument("--sweep", type=Path, help="the sweep's folder; outputs/studies/STUDY/PRESET if left out")
    typed = rules.parse_args(arguments)
    folder = typed.sweep or Path("outputs/studies") / typed.study / typed.preset
    outcomes = read_sweep(folder)
    unfinished = [outcome.name for outcome in outcomes if outcome.status != "finished"]
    if unfinished:
        raise InputError(
            f"{folder}: {len(unfinished)} trials are not finished, such as {unfinished[0]}; start it again"
        )
    keys = sorted({key for outcome in outcomes for key in outcome.overrides if key != SEED})
    found = {
        "preset": typed.preset,
        "command": f"python train.py -m -cd experiments/{typed.study} -cn {typed.preset}",
        "machine": machine(),
        "date": date.fromtimestamp(max(path.stat().st_mtime for path in folder.glob("*/results.json"))).isoformat(),
        "commit": commit(folder),
        "trials": [trial(folder / outcome.name, outcome, keys) for outcome in outcomes],
    }
    output = HERE / typed.study / "results"
    output.mkdir(exist_ok=True)
    write(output / f"{typed.preset}.json", found)
    if typed.study in figures.EXAMPLES:
        write(output / f"{typed.preset}_example.json", figures.EXAMPLES[typed.study](folder, outcomes))
    return 0


def trial(folder: Path, outcome: Outcome, keys: Sequence[str]) -> dict[str, Any]:
    """What is kept of a trial: in the form of results.json, with the test scores of `evaluate` as `scores`."""
    results, scored = outcome.results, evaluated(folder)
    kept = {key: results[key] for key in ("status", "overrides", "choices", "seconds", "parameters", "memory")}
    for split in ("val", "test"):
        pooled = results[split]["pooled"]
        kept[split] = {"pooled": {name: {"foreground": pooled[name]["foreground"]} for name in ("dice", "iou")}}
    scores = {name: scored["pooled"][name]["foreground"] for name in ("iou", "dice", "precision", "recall")}
    scores["boundary_f1"] = scored["image_mean"]["boundary_f1"]["foreground"]
    scores |= {name: scored["objects"][name] for name in OBJECTS} | scored["counts"]
    config = read_config(folder / CONFIG)
    images = {row["id"]: {name: row[name] for name in PER_IMAGE} for row in scored["per_image"]}
    setting = {key: value(key, outcome, config) for key in keys}
    kept |= {"name": outcome.name, "setting": setting, "scores": scores, "images": images}
    return {key: rounded(node) for key, node in kept.items()}


def evaluated(folder: Path) -> dict[str, Any]:
    """evaluation.json of a trial's best checkpoint on the test split; scored if it was not yet."""
    output = folder / "evaluation" / "test"
    if not (output / "evaluation.json").is_file():
        checkpoint = folder / "checkpoints" / "best.ckpt"
        evaluate.main([str(checkpoint), "--output", str(output), "resamples=100", "worst=0"])
    return evaluate.read_evaluation(output)


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


def machine() -> str:
    """The GPU if there is one, else the processors of this machine."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    path = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*:\s*(.+)", path.read_text()) if path.exists() else []
    return f"{os.cpu_count()} cores of {names[0] if names else platform.processor() or platform.machine()}"


def commit(folder: Path) -> str:
    """The commit of the checkout in which a sweep lies."""
    command = ["git", "-C", str(folder), "rev-parse", "--short=7", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def write(path: Path, content: Mapping[str, Any]) -> None:
    """Replace a JSON file, one trial a line."""
    trials = content.get("trials")
    text = json.dumps({key: value for key, value in content.items() if key != "trials"}, indent=1, ensure_ascii=False)
    if trials is not None:
        lines = ",\n  ".join(json.dumps(trial, ensure_ascii=False) for trial in trials)
        text = text.removesuffix("\n}") + f',\n "trials": [\n  {lines}\n ]\n}}'
    path.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except InputError as error:
        sys.exit(f"error: {error}")
