"""`unet-lightning tune`: choose the post-processing on the validation split, and store it beside the checkpoint."""

import logging
from pathlib import Path

from unet_lightning.command.arguments import checkpoint_parser, parse
from unet_lightning.error import InputError
from unet_lightning.evaluation.tune import name_of, simplest, tune
from unet_lightning.page.number import format_number
from unet_lightning.page.table import Table
from unet_lightning.prediction.ensemble import is_ensemble
from unet_lightning.prediction.load import load, tuned_path
from unet_lightning.runtime.files import write_json

log = logging.getLogger(__name__)
HELP = """Choose the post-processing of a checkpoint on the validation split; the test split is never read.

  unet-lightning tune outputs/…/checkpoints/best.ckpt

Tries components and watershed (rims, of target=boundary) with several values of min_size, fill_holes, keep_largest and
ridge. If the data set has instances the mean panoptic quality decides, else the pooled foreground Dice of the
post-processed class masks. The simplest candidate within 0.001 of the best score is written to best.postprocess.json
beside the checkpoint, in place of what was chosen before, views included; those of tta=flips are stored with it. From
then on predict and evaluate use it unless postprocess= is given."""


def main(arguments: list[str]) -> int:
    """Tune; 0 when the choice is written."""
    rules = checkpoint_parser("tune", HELP)
    rules.add_argument("checkpoint", type=Path, metavar="CHECKPOINT")
    options, overrides = parse(rules, arguments)
    if any(override.lstrip("+").startswith(("postprocess", "split")) for override in overrides):
        raise InputError("tune chooses postprocess itself, on the validation split; leave postprocess= and split= out")
    if is_ensemble(options.checkpoint):
        raise InputError(
            f"{options.checkpoint}: the post-processing of an ensemble was chosen out of fold; tune a checkpoint"
        )
    predictor = load(options.checkpoint, overrides=overrides, trust=options.trust, verb="tune", fixed=["split=val"])
    tried = tune(predictor)
    score, choice = simplest(tried)
    path = tuned_path(options.checkpoint)
    found = {"postprocess": choice, "score": score, "split": "val", "tried": len(tried)}
    write_json(path, found | ({"tta": predictor.config["tta"]} if len(predictor.tta.views) > 1 else {}))
    shown = sorted(tried, key=lambda item: -item[0])[:8]
    rows = [[name_of(node), format_number(value)] for value, node in shown]
    print(Table(f"{len(tried)} tried, the best of them", ["post-processing", "score"], rows).markdown())
    log.info(f"chosen: {name_of(choice)}, {score:.4f}; written to {path}")
    return 0
