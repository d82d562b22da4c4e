"""`unet-lightning tune`: choose post-processing and temperature on the validation split, and store both."""

import logging
from pathlib import Path

from unet_lightning.command.arguments import checkpoint_parser, parse
from unet_lightning.error import InputError
from unet_lightning.evaluation.tune import name_of, tune
from unet_lightning.page.number import format_number
from unet_lightning.page.table import Table
from unet_lightning.prediction.ensemble import is_ensemble
from unet_lightning.prediction.load import load, tuned_path
from unet_lightning.runtime.files import write_json

log = logging.getLogger(__name__)
HELP = """Choose post-processing and temperature of a checkpoint on the validation split; the test split is never read.

  unet-lightning tune outputs/…/checkpoints/best.ckpt

Tries components and watershed (rims, of target=boundary) with several values of min_size, fill_holes, keep_largest and
ridge. If the data set has instances the mean panoptic quality decides, else the pooled foreground Dice of the
post-processed class masks. The simplest candidate within 0.001 of the best score is written to best.postprocess.json
beside the checkpoint, in place of what was chosen before, views included; those of tta=flips are stored with it. From
then on predict and evaluate use it unless postprocess= is given. The temperature, by which logits are divided, is the
one from 1/8 to 8 with the lowest negative log-likelihood. It changes probabilities alone, no class and no object;
temperature=1 leaves it out."""


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
    tuned = tune(predictor)
    found, path = tuned.content(), tuned_path(options.checkpoint)
    write_json(path, found | ({"tta": predictor.config["tta"]} if len(predictor.tta.views) > 1 else {}))
    shown = sorted(tuned.tried, key=lambda item: -item[0])[:8]
    rows = [[name_of(node), format_number(value)] for value, node in shown]
    print(Table(f"{len(tuned.tried)} tried, the best of them", ["post-processing", "score"], rows).markdown())
    chosen = f"{name_of(found['postprocess'])}, {found['score']:.4f}; temperature {tuned.temperature:g}"
    log.info(f"chosen: {chosen}; written to {path}")
    return 0
