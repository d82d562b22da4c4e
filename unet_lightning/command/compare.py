"""`unet-lightning compare`: which of several evaluated runs is better on the same images, and how sure that is."""

import re
from pathlib import Path

from unet_lightning.command.arguments import parse, parser
from unet_lightning.error import InputError, nearest, shown
from unet_lightning.evaluation.paired import compare, markdown
from unet_lightning.evaluation.protocol import read_evaluation
from unet_lightning.runtime.files import write_atomic, write_table

SETTINGS = {"resamples": "10000", "vary": ""}
HELP = """Compare evaluated runs image by image, on the same test images.

  unet-lightning compare outputs/…/loss=ce outputs/…/loss=dice
  unet-lightning compare a/evaluation/val b/evaluation/val --output comparison vary=postprocess

RUN is a run's folder or an ensemble.json (its evaluated test split), an evaluation's folder, or an evaluation.json.
The table shows, for each score and pair of runs, the mean difference over images (second minus first) with its 95 %
bootstrap interval, the p value of Wilcoxon's signed-rank test, and p after Holm's correction over the pairs. Images of
one group (a patient, a sequence) aren't independent: the interval resamples whole groups, and the test uses the mean of
each group. Runs whose protocols differ are refused, unless vary=KEY,KEY names the keys that are meant to differ. With
--output the table is also written as comparison.md and comparison.csv."""


def main(arguments: list[str]) -> int:
    """Compare; 0 when there is a table."""
    rules = parser("compare", HELP)
    rules.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    rules.add_argument("--output", type=Path, metavar="DIR", help="where comparison.md and comparison.csv go")
    options, overrides = parse(rules, arguments)
    settings = dict(SETTINGS)
    for override in overrides:
        key, _, value = override.partition("=")
        if key not in settings:
            raise InputError(f"{shown(override)}: {shown(key)} is not a key; {nearest(key, settings)}")
        settings[key] = value
    resamples = int(settings["resamples"]) if re.fullmatch("[0-9]{1,7}", settings["resamples"]) else 0
    if not 100 <= resamples <= 10**6:
        raise InputError(f"resamples={shown(settings['resamples'])}: expected a whole number from 100 to {10**6}")
    vary = [name for name in settings["vary"].strip("[]").split(",") if name]
    names = [str(run) for run in options.runs]
    if len({run.resolve() for run in options.runs}) < len(names):
        raise InputError(f"{', '.join(names)}: a run is named twice; expected different ones")
    rows = compare(names, [read_evaluation(run) for run in options.runs], resamples, vary)
    text = markdown(names, rows)
    print(text)
    if options.output:
        write_atomic(options.output / "comparison.md", text)
        write_table(options.output / "comparison.csv", rows)
    return 0
