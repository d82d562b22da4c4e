"""Export: a folder with the network as ONNX, its parameters as JSON, and an example program that uses both."""

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from unet_lightning.error import InputError
from unet_lightning.prediction.checkpoint import TrainedModel
from unet_lightning.prediction.example import example, plain
from unet_lightning.prediction.onnx import Averaged, export_onnx, largest_difference
from unet_lightning.prediction.predictor import Predictor
from unet_lightning.runtime.files import write_atomic, write_json
from unet_lightning.tiling.window import sides_of

log = logging.getLogger(__name__)
TOLERANCE = 1e-3  # of the logits' standard deviation; rounding reaches 3e-4 in networks of depth 5


def export(predictor: Predictor, folder: Path) -> float:
    """Write the folder. Returns the largest difference of logits from onnxruntime's, in standard deviations.

    InputError, and no new folder, where the network can't be written or the folder can't be made.
    """
    if predictor.postprocess.says_more:
        raise InputError(
            "the program beside an exported network can't put rims and interiors together; export --to bioimageio, or "
            "train with target=classes"
        )
    network = network_of(predictor).to(memory_format=torch.contiguous_format)
    text = example(predictor)
    with made(folder):
        export_onnx(network, predictor.channels, folder / "network.onnx")
    write_json(folder / "model.json", description(predictor))
    write_atomic(folder / "predict.py", text)
    difference = largest_difference(network, predictor.channels, folder / "network.onnx")
    if not difference <= TOLERANCE:
        raise InputError(
            f"{folder / 'network.onnx'} differs from the checkpoint by {difference:.1e} standard deviations; report it"
        )
    return difference


@contextmanager
def made(folder: Path) -> Iterator[None]:
    """A folder, which an InputError removes again where it is new; InputError where it can't be made."""
    new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder} can't be a folder ({error.strerror}); name another one with --output") from None
    try:
        yield
    except InputError:
        if new:
            shutil.rmtree(folder)
        raise


def network_of(predictor: Predictor) -> Any:
    """The network, or the networks of an ensemble as one; InputError where they don't read one normalised image."""
    first, *others = predictor.models
    if not others:
        return first.network
    for model in others:
        if _reads(model) != _reads(first):
            raise InputError(
                f"{model.path} normalises an image otherwise than {first.path}, or has another geometry, so that they "
                "can't be one network; train with normalize=image or percentile, or export each checkpoint by itself"
            )
    networks, logits = iter(model.network for model in predictor.models), predictor.config["average"] == "logits"
    configurations = [Averaged(list(islice(networks, number)), logits) for number in predictor.folds]
    return Averaged(configurations, False) if len(configurations) > 1 else configurations[0]


def _reads(model: TrainedModel) -> tuple[Any, ...]:
    """What must be equal for networks that share an input."""
    numbers = {key: plain(value) for key, value in vars(model.normalize).items()}
    return type(model.normalize), numbers, model.network.geometry.to_dict()


def description(predictor: Predictor) -> dict[str, Any]:
    """model.json: all that the example needs beside the network."""
    model = predictor.models[0]
    return {
        "classes": list(predictor.classes),
        "colors": [list(color) for color in predictor.colors],
        "channels": predictor.channels,
        "channel_order": "RGB",
        "normalize": {
            "kind": type(model.normalize).__name__,
            **{key: plain(value) for key, value in vars(model.normalize).items()},
            "rule": model.normalize.describe(),
        },
        **tiles(predictor),
        "views": [list(view) for view in predictor.tta.views],  # quarter turns, mirrored
        "postprocess": predictor.config["postprocess"],
        "temperature": predictor.config["temperature"],  # what logits are divided by for probabilities
        "networks": len(predictor.models),
        "identity": {key: model.identity[key] for key in ("config_hash", "split_hash", "versions")},
    }


def tiles(predictor: Predictor) -> dict[str, Any]:
    """Geometry of the network, sizes of tiles in pixels, and the rule of the tiles in words."""
    geometry = predictor.models[0].network.geometry
    if predictor.config["tiling"] == "nnunet":
        sizes = {"tile": list(sides_of(predictor.tile))}
        rule = (
            "origins evenly spread, at most half a tile apart; a smaller image lies in the centre of its tile; 0 "
            "beyond the image; averaged with a Gaussian, standard deviation an eighth of the tile"
        )
    else:
        multiple, halo, margin = geometry.multiple, geometry.halo, geometry.margin
        tile = max(multiple, max(sides_of(predictor.tile)) // multiple * multiple)
        sizes = {"output_tile": tile, "input_tile": geometry.input_size(tile + 2 * (halo - margin))}
        rule = (
            "origins at multiples of output_tile; read input_tile pixels from origin - halo, mirrored beyond the image "
            "without doubling its edge; of the logits keep output_tile pixels from halo - margin on"
        )
    return {"geometry": geometry.to_dict() | sizes, "tile_rule": rule}
