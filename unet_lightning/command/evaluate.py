"""`unet-lightning evaluate`: every score of a checkpoint on whole images, with intervals, a report and its protocol."""

import logging
import shlex
from collections.abc import Sequence
from pathlib import Path

from unet_lightning.command.arguments import checkpoint_parser, parse
from unet_lightning.error import InputError
from unet_lightning.evaluation.evaluate import evaluate
from unet_lightning.evaluation.interval import CONFIDENCE
from unet_lightning.evaluation.protocol import checkpoint_hashes, ensemble_hash, read_evaluation, stored_hashes
from unet_lightning.evaluation.report import cards
from unet_lightning.prediction.load import load
from unet_lightning.prediction.predictor import Predictor

log = logging.getLogger(__name__)
HELP = f"""Score a checkpoint, or an ensemble, on whole images, by default on the test split.

  unet-lightning evaluate outputs/…/checkpoints/best.ckpt
  unet-lightning evaluate best.ckpt split=val tta=flips postprocess=watershed
  unet-lightning evaluate best.ckpt data=folder data.root=/other/lab --output evaluation/other
  unet-lightning evaluate outputs/cv/ensemble.json

Writes report.html, report.md, images.csv and evaluation.json into evaluation/SPLIT beside the checkpoints or the
ensemble.json, or into --output. Intervals are {CONFIDENCE:.0%} bootstrap intervals over images, or over groups if the
data set has them."""


def main(arguments: list[str]) -> int:
    """Evaluate; 0 when the report is written."""
    rules = checkpoint_parser("evaluate", HELP)
    rules.add_argument("checkpoints", nargs="+", metavar="CHECKPOINT")
    rules.add_argument("--output", type=Path, metavar="DIR", help="where the report goes")
    options, overrides = parse(rules, arguments)
    predictor = load(*options.checkpoints, overrides=overrides, trust=options.trust, verb="evaluate")
    command = shlex.join(["unet-lightning", "evaluate", *arguments])
    folder = options.output or predictor.home / "evaluation" / predictor.config["split"]
    if options.output is None:
        keep_others(predictor, folder, overrides)
    results = evaluate(predictor, folder, command, overrides)
    for card in cards(results):
        log.info(f"{card['name']:<28} {card['value']}  ({card['range']})")
    log.info(f"report  {folder / 'report.html'}")
    return 0


def keep_others(predictor: Predictor, folder: Path, overrides: Sequence[str]) -> None:
    """InputError where the default folder holds an evaluation of other checkpoints or with other overrides."""
    if (folder / "evaluation.json").is_file():
        stored = read_evaluation(folder).get("provenance", {})
        before = [stored_hashes(stored, key) for key in ("checkpoints", "ensemble")]
        now = [sorted(hashes(predictor).values()) for hashes in (checkpoint_hashes, ensemble_hash)]
        if before != now or stored.get("overrides") != list(overrides):
            raise InputError(
                f"{folder} holds another evaluation ({stored.get('command')}); give --output, or delete it"
            )
