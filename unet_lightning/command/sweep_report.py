"""`unet-lightning sweep-report DIR`: the results of a sweep so far, as Markdown, CSV and one HTML file."""

from pathlib import Path

from unet_lightning.command.arguments import parse, parser
from unet_lightning.error import InputError, shown
from unet_lightning.metric.semantic import SCORES
from unet_lightning.page.html import html
from unet_lightning.runtime.files import write_atomic, write_table
from unet_lightning.sweep.outcome import read_sweep
from unet_lightning.sweep.report import markdown, summary, table_rows

DESCRIPTION = """Compare the trials of a sweep, also of one that is not finished.

Writes sweep.md, sweep.csv and sweep.html into the sweep's folder: means and standard deviations over seeds, a heat map,
the main effect of each factor with its interval, cost against score, and the best overrides to copy. Only the
validation split decides what is best; scores of the test split are shown as well."""


def main(arguments: list[str]) -> int:
    """The verb: write the three files and print the overrides of the best setting."""
    rules = parser("sweep-report", DESCRIPTION)
    rules.add_argument("folder", type=Path, help="the folder of a sweep")
    rules.add_argument("--score", choices=SCORES, default="dice", help="what to compare by (foreground, pooled)")
    rules.add_argument("--output", type=Path, help="where to write; the sweep's folder if left out")
    typed, overrides = parse(rules, arguments)
    if overrides:
        raise InputError(f"{shown(overrides[0])}: sweep-report takes a folder and no overrides")
    outcomes = read_sweep(typed.folder)
    found = summary(typed.folder, outcomes, typed.score)
    output = typed.output or typed.folder
    write_table(output / "sweep.csv", table_rows(outcomes))
    write_atomic(output / "sweep.md", markdown(found))
    write_atomic(output / "sweep.html", html("sweep.html", **found))
    print("\n".join(filter(None, (found["counts"], found["advice"], found["command"], str(output / "sweep.html")))))
    return 0
