"""Which trials of a sweep are due, and how each ended."""

import json
import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from unet_lightning.config.overrides import steers
from unet_lightning.error import InputError
from unet_lightning.page.number import format_number
from unet_lightning.runtime.files import write_json
from unet_lightning.sweep.trial import Trial, describe_changes, validation_score

PLAN = "sweep.json"


def is_due(trial: Trial, retry: bool) -> bool:
    """Whether a trial must be run; InputError where its folder holds the results of another config."""
    same = trial.results.get("config_hash") == trial.config_hash
    if trial.status == "finished" and not same:
        raise InputError(
            f"{trial.folder} is finished with another config ({describe_changes(trial)}); "
            "give this sweep a name of its own: run=…"
        )
    return retry or not same if trial.status == "failed" else trial.status != "finished"


def read_plan(folder: Path) -> dict[str, list[str]]:
    """The overrides of each trial by its folder's name; empty where no sweep began."""
    path = folder / PLAN
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        plan: dict[str, list[str]] = dict(found.items())
        if not all(isinstance(lines, list) and all(isinstance(line, str) for line in lines) for lines in plan.values()):
            raise TypeError("no overrides")
        return plan
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        raise InputError(
            f"{path}: not what a sweep writes; delete it (the trials stay), and start the same sweep again"
        ) from None


def write_plan(folder: Path, trials: list[Trial]) -> None:
    """Add trials to sweep.json, the list of all trials of a sweep, whether or not they have run."""
    plan = read_plan(folder) | {trial.folder.name: [o for o in trial.overrides if not steers(o)] for trial in trials}
    write_json(folder / PLAN, plan)


def count_statuses(statuses: Sequence[str]) -> str:
    """How many trials there are of each status."""
    counts = ", ".join(f"{number} {status}" for status, number in sorted(Counter(statuses).items()))
    return f"{len(statuses)} trials: {counts}"


def print_table(trials: list[Trial], folder: Path) -> None:
    """How every trial ended, and why it failed."""
    table = Table(title=escape(str(folder)))
    for name in ("trial", "status", "val Dice", "why"):
        table.add_column(name, overflow="fold", justify="right" if name == "val Dice" else "left")
    for trial in trials:
        found = trial.results
        reason = str(found.get("error", "")).splitlines()[:1]
        shown = format_number(validation_score(found)) if trial.status == "finished" else ""
        table.add_row(*map(escape, (trial.folder.name, trial.status, shown, *reason)))
    console = Console()
    console.print(table)
    statuses = [trial.status for trial in trials]
    hint = "; the same command with retry=failed repeats what failed" if "failed" in statuses else ""
    console.print(f"{count_statuses(statuses)}{hint}", soft_wrap=True)
    console.print(f"unet-lightning sweep-report {shlex.quote(str(folder))}", soft_wrap=True, markup=False)
