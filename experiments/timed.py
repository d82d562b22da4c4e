"""Trials of equal processor seconds, one after the other, each kept in experiments/STUDY/results/PRESET.json once it is
finished; started again, a study goes on with those that are missing.
"""

import json
import os
import shutil
import subprocess
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from experiments.collect import KEPT, OBJECTS, SCORES, rounded, write
from experiments.processor_time import read_curve
from unet_lightning.runtime.files import read_results

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Timed:
    """A trial. setting: what the page's tables name it by. overrides: what is trained, without the seed."""

    setting: Mapping[str, str]
    overrides: Sequence[str]
    seed: int

    @property
    def name(self) -> str:
        """Of its folder."""
        return "-".join([*self.setting.values(), str(self.seed)]).replace(" ", "_")


def preset(study: str, presets: Sequence[str], description: str) -> str:
    """The preset that was typed behind `python -m experiments.STUDY`."""
    rules = ArgumentParser(
        prog=f"python -m experiments.{study}", description=description, formatter_class=RawDescriptionHelpFormatter
    )
    rules.add_argument("preset", choices=presets)
    return str(rules.parse_args().preset)


def run_missing(study: str, preset: str, trials: Sequence[Timed]) -> None:
    """Run the trials that the study's results lack, and keep each."""
    path = HERE / study / "results" / f"{preset}.json"
    for number, trial in enumerate(trials, 1):
        found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"trials": []}
        if trial.name in {kept["name"] for kept in found["trials"]}:
            continue
        print(f"{number} of {len(trials)}: {trial.name}", flush=True)
        folder = train(f"studies/{study}/{preset}/{trial.name}", [*trial.overrides, f"seed={trial.seed}"])
        kept = row(trial, folder)
        results = read_results(folder)
        path.parent.mkdir(exist_ok=True)
        head = {
            "preset": preset,
            "command": f"python -m experiments.{study} {preset}",
            "machine": results["machine"],
            "date": date.today().isoformat(),
            "commit": ", ".join(sorted({*filter(None, found.get("commit", "").split(", ")), results["commit"]})),
        }
        write(path, head | {"trials": [*found["trials"], rounded(kept)]})


def train(run: str, overrides: Sequence[str]) -> Path:
    """Train in a process of its own, on one thread; the run's folder. CalledProcessError where it fails."""
    folder = Path("outputs", run)
    shutil.rmtree(folder, ignore_errors=True)  # of an attempt that was interrupted: its clock can't go on
    command = [sys.executable, "-m", "experiments.processor_time", *overrides, f"run={run}"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{run}: it failed\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    return folder


def row(trial: Timed, folder: Path) -> dict[str, Any]:
    """What is kept of a finished trial, in the form that the pages of sweeps read."""
    results, curve = read_results(folder), read_curve(folder)
    test = results["test"]
    scores = {name: test["pooled"][name]["foreground"] for name in SCORES}
    scores |= {"class_iou": test["pooled"]["iou"]["mean"], "otsu": otsu(test)}
    if "objects" in test:
        scores |= {name: test["objects"]["image_mean"][name] for name in OBJECTS} | test["objects"]["counts"]
    return {
        "name": trial.name,
        "overrides": [f"seed={trial.seed}", *(f"{key}={value}" for key, value in trial.setting.items())],
        "setting": dict(trial.setting),
        **{key: results[key] for key in KEPT if key not in ("overrides", "choices")},
        "seconds": curve["seconds"],
        "steps": curve["points"][-1]["step"],
        "scores": scores,
    }


def otsu(test: Mapping[str, Any]) -> float | None:
    """The foreground Dice of Otsu's threshold, pooled; None where it means nothing."""
    return test["otsu"]["pooled"]["dice"]["foreground"] if test.get("otsu") else None
