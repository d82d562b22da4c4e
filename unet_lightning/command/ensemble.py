"""`unet-lightning ensemble`: the checkpoints of a cross-validation as one model, chosen and scored out of fold."""

import logging
import shlex
from collections.abc import Sequence
from pathlib import Path

from unet_lightning.command.arguments import checkpoint_parser, parse
from unet_lightning.error import InputError
from unet_lightning.evaluation.ensemble import make
from unet_lightning.evaluation.ensemble_report import markdown
from unet_lightning.evaluation.out_of_fold import Typed
from unet_lightning.evaluation.report import cards
from unet_lightning.evaluation.tune import name_of
from unet_lightning.prediction.ensemble import is_ensemble
from unet_lightning.runtime.files import RESULTS, write_atomic, write_json, write_table
from unet_lightning.sweep.folds import find_configurations

log = logging.getLogger(__name__)
FIXED = ("data.fold", "data.folds", "data.train_images")
HELP = """Make one model of the checkpoints of a cross-validation.

  python train.py -m data.fold=0,1,2,3,4 run=cv
  unet-lightning ensemble outputs/cv
  unet-lightning ensemble outputs/cv outputs/cv_deep --output outputs/both.json tta=flips average=logits
  unet-lightning predict outputs/cv/ensemble.json images/ --output labels

SWEEP is a sweep's folder, each of several being a configuration of its own, or the folders of runs, one a fold. Every
image is predicted by the checkpoint that held it out for validation; no test image is read. Of several configurations
each one and each pair is compared by these predictions, then the post-processings of `unet-lightning tune`, and where
the set has no objects nnU-Net's rule of the largest component. The score is Dice of each image and class, averaged over
images, then over classes; where the set has objects the mean panoptic quality. The simplest post-processing within
0.001 of the best is taken. Writes ensemble.json into the first sweep's folder, or to --output: the checkpoints with
their checksums, averaging, views, post-processing, every candidate's score, and the out-of-fold scores with intervals;
beside it ensemble.md, in words, and ensemble.csv, a row an image. predict, evaluate, compare and export take
ensemble.json where they take a checkpoint or a run."""


def main(arguments: list[str]) -> int:
    """Make an ensemble; 0 when it is written."""
    rules = checkpoint_parser("ensemble", HELP)
    rules.add_argument("folders", nargs="+", type=Path, metavar="SWEEP")
    rules.add_argument("--output", type=Path, metavar="FILE", help="where ensemble.json goes")
    options, overrides = parse(rules, arguments)
    output = options.output or home(options.folders) / "ensemble.json"
    check(output, options.folders, overrides)
    trained = {one.name: one.checkpoints for one in find_configurations(options.folders)}
    command = shlex.join(["unet-lightning", "ensemble", *arguments])
    found, rows = make(trained, Typed(tuple(overrides), tuple(options.trust)), output.parent, command)
    write_table(output.with_suffix(".csv"), rows)
    write_atomic(output.with_suffix(".md"), markdown(found))
    write_json(output, found)
    for card in cards(found["out_of_fold"]):
        log.info(f"out of fold: {card['name']:<28} {card['value']}  ({card['range']})")
    log.info(f"{output.with_suffix('.md')} says what was chosen")
    log.info(f"{len(found['members'])} checkpoints, {name_of(found['postprocess'])}: {output}")
    return 0


def home(folders: Sequence[Path]) -> Path:
    """The folder of the first sweep, or that which holds the runs."""
    return folders[0].parent if (folders[0] / RESULTS).is_file() else folders[0]


def check(output: Path, folders: Sequence[Path], overrides: Sequence[str]) -> None:
    """InputError for what can't be meant, before anything is read."""
    if not is_ensemble(output):
        raise InputError(f"--output {output}: expected a file that ends in .json")
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise InputError(f"{', '.join(map(str, folders))}: a folder is named twice; expected different ones")
    for override in overrides:
        if override.partition("=")[0].lstrip("+") in FIXED:
            raise InputError(f"{override}: each checkpoint says its own fold; leave it out")
