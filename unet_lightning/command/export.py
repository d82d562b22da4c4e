"""`unet-lightning export`: write a network for programs that don't know this package: as ONNX, or for the model zoo."""

import logging
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from unet_lightning.command.arguments import checkpoint_parser, parse
from unet_lightning.error import InputError
from unet_lightning.prediction.common_size import rescaled
from unet_lightning.prediction.export import export
from unet_lightning.prediction.load import load
from unet_lightning.prediction.predictor import Predictor
from unet_lightning.reading.image import as_channels, read_image
from unet_lightning.reading.pixel_size import pixel_size, stated_size

log = logging.getLogger(__name__)
HELP = """Export a checkpoint, or an ensemble, to ONNX, or as a package of the BioImage Model Zoo.

  unet-lightning export outputs/…/checkpoints/best.ckpt --to onnx --output exported
  unet-lightning export outputs/cv/ensemble.json --to onnx
  unet-lightning export best.ckpt --to bioimageio --image a.png --author 'NAME, AFFILIATION' --license CC-BY-4.0

onnx writes network.onnx (for any batch size and any height and width that the network accepts), model.json
(normalisation, classes, colours, geometry, tile rule, views, post-processing, temperature) and predict.py, a short
example that labels large images as `predict` does before post-processing, and needs only numpy, onnxruntime and OpenCV.
Its logits are not yet divided by the temperature, which decides probabilities and no class. Tiles of a network with
instance or group norm are averaged: it is exported with tiling=nnunet, which nnU-Net's networks have anyway. The
networks of an ensemble are one file if they read an image alike: with a normalisation that doesn't depend on the
training images. At the end the logits of both networks are compared.

bioimageio writes rdf.yaml (specification 0.5), the weights as ONNX and where possible as TorchScript, test tensors, a
cover and a README, and the same as a .zip. The graph gives probabilities, of logits divided by the temperature and
averaged over the views of tta. --image becomes the test tensor and the cover: give one that may be published; where
training resampled (data.resample) it is resampled too, and data.pixel_size=0.5 says its pixels if the file doesn't.
Both formats are compared with the checkpoint. `bioimageio test FOLDER.zip` of the zoo's bioimageio.core checks it
again."""
NEEDED = {  # by --to bioimageio, with what to type
    "image": "--image a.png",
    "author": "--author 'NAME, AFFILIATION'",
    "license": "--license CC-BY-4.0",
}
CARD = (*NEEDED, "name", "description", "cite")


def main(arguments: list[str]) -> int:
    """Export; 0 when the network agrees with the checkpoint's."""
    rules = checkpoint_parser("export", HELP)
    rules.add_argument("checkpoint", metavar="CHECKPOINT")
    rules.add_argument("--to", choices=["onnx", "bioimageio"], required=True, help="the format")
    rules.add_argument(
        "--output", type=Path, metavar="DIR", help="output folder; default: that name in the run's folder"
    )
    zoo = rules.add_argument_group("of --to bioimageio")
    zoo.add_argument("--image", type=Path, metavar="FILE", help="an image like those of training, to be published")
    zoo.add_argument(
        "--author", action="append", metavar="TEXT", help="NAME, AFFILIATION, orcid:…, github:…; repeat it"
    )
    zoo.add_argument("--license", metavar="ID", help="of the package, an SPDX identifier")
    zoo.add_argument("--name", metavar="TEXT", help="of the package; default: after the classes")
    zoo.add_argument("--description", metavar="TEXT", help="default: after the classes")
    zoo.add_argument("--cite", action="append", metavar="TEXT", help="a text with a DOI or an address; repeat it")
    options, overrides = parse(rules, arguments)
    check_card(options, overrides)
    predictor = load(
        options.checkpoint, overrides=overrides, trust=options.trust, verb="export", fixed=["trainer.accelerator=cpu"]
    )
    folder = options.output or predictor.home / options.to
    if options.to == "bioimageio":
        export_package(predictor, options, folder)
        return 0
    difference = export(predictor, folder)
    log.info(
        f"{folder}: network.onnx, model.json, predict.py; logits differ by at most {difference:.1e} standard deviations"
    )
    return 0


def check_card(options: Namespace, overrides: Sequence[str]) -> None:
    """InputError where --to bioimageio lacks what only a person can say, or another format is told it."""
    if options.to != "bioimageio" and (sizes := [line for line in overrides if line.startswith("data.")]):
        raise InputError(f"{sizes[0]}: of --image, which belongs to --to bioimageio; leave it out")
    given = [name for name in CARD if getattr(options, name)]
    if options.to != "bioimageio" and given:
        raise InputError(f"--{given[0]} belongs to --to bioimageio; leave it out, or set --to bioimageio")
    lacking = [typed for name, typed in NEEDED.items() if name not in given]
    if options.to == "bioimageio" and lacking:
        raise InputError(f"--to bioimageio: a package names its author, licence and example; add {' '.join(lacking)}")


def export_package(predictor: Predictor, options: Namespace, folder: Path) -> None:
    """The package of the zoo."""
    from unet_lightning.prediction.zoo.card import card
    from unet_lightning.prediction.zoo.package import package

    said = card(predictor, options.author, options.license, options.name, options.description, cite=options.cite or ())
    found = package(predictor, said, given_image(predictor, options.image), folder)
    told = ", ".join(f"{name} {difference:.1e}" for name, difference in found.items())
    log.info(f"{folder.resolve()}.zip: probabilities differ from the checkpoint by at most {told}")


def given_image(predictor: Predictor, path: Path) -> NDArray[Any]:
    """(H, W, C) as the network takes it: with the channels, and on pixels of the size, of training."""
    data = predictor.models[0].identity["config"]["data"]
    image = as_channels(read_image(path, axes=data.get("axes")), data.get("channels"))
    scale = predictor.scale_of(stated_size(predictor.config["data"]) or pixel_size(path))
    return image if scale is None else rescaled(image, scale)
