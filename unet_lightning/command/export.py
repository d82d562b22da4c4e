"""`unet-lightning export`: write the network as ONNX, its parameters as JSON, and an example program that uses both."""

import logging
from pathlib import Path

from unet_lightning.command.arguments import checkpoint_parser, parse
from unet_lightning.prediction.export import export
from unet_lightning.prediction.load import load

log = logging.getLogger(__name__)
HELP = """Export a checkpoint, or an ensemble, to ONNX.

  unet-lightning export outputs/…/checkpoints/best.ckpt --to onnx --output exported
  unet-lightning export outputs/cv/ensemble.json --to onnx

Writes network.onnx (for any batch size and any height and width that the network accepts), model.json (normalisation,
classes, colours, geometry, tile rule, views, post-processing, temperature) and predict.py, a short example that labels
large images as `predict` does before post-processing, and needs only numpy, onnxruntime and OpenCV. Its logits are not
yet divided by the temperature, which decides probabilities and no class. Tiles of a network with instance or group norm
are averaged: it is exported with tiling=nnunet, which nnU-Net's networks have anyway. The networks of an ensemble are
one file if they read an image alike: with a normalisation that doesn't depend on the training images. At the end the
logits of both networks are compared."""


def main(arguments: list[str]) -> int:
    """Export; 0 when the network agrees with the checkpoint's."""
    rules = checkpoint_parser("export", HELP)
    rules.add_argument("checkpoint", metavar="CHECKPOINT")
    rules.add_argument("--to", choices=["onnx"], required=True, help="the format")
    rules.add_argument("--output", type=Path, metavar="DIR", help="output folder; default: onnx/ in the run's folder")
    options, overrides = parse(rules, arguments)
    predictor = load(
        options.checkpoint, overrides=overrides, trust=options.trust, verb="export", fixed=["trainer.accelerator=cpu"]
    )
    folder = options.output or predictor.home / "onnx"
    difference = export(predictor, folder)
    log.info(
        f"{folder}: network.onnx, model.json, predict.py; logits differ by at most {difference:.1e} standard deviations"
    )
    return 0
