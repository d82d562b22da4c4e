"""Export: a folder with the network as ONNX, its parameters as JSON, and an example program that uses both."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from unet_lightning.error import InputError
from unet_lightning.prediction.checkpoint import TrainedModel
from unet_lightning.prediction.onnx import Averaged, export_onnx, largest_difference
from unet_lightning.prediction.predictor import Predictor
from unet_lightning.runtime.files import write_atomic, write_json
from unet_lightning.tiling.window import sides_of

log = logging.getLogger(__name__)
NORMALIZE = {  # class to the two numbers of a channel, as the example computes them
    "ImageZScore": "image.mean((0, 1), np.float64), image.std((0, 1), np.float64)",
    "Percentile": "(p := np.percentile(image, [*{percents}, 100], (0, 1)))[0], "
    "np.where(p[1] > p[0], p[1] - p[0], p[2] - p[0])",
    "DatasetZScore": "{numbers}",
    "Window": "({low}, {high} - {low})",
    "TypeRange": "0, np.iinfo(image.dtype).max if image.dtype.kind in 'iu' else 1",
}
TOLERANCE = 1e-3  # of the logits' standard deviation; rounding reaches 3e-4 in networks of depth 5


def export(predictor: Predictor, folder: Path) -> float:
    """Write the folder. Returns the largest difference of logits from onnxruntime's, in standard deviations.

    InputError, and no new folder, where the network can't be written or the folder can't be made.
    """
    network = network_of(predictor).to(memory_format=torch.contiguous_format)
    text = example(predictor)
    new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder} can't be a folder ({error.strerror}); name another one with --output") from None
    try:
        export_onnx(network, predictor.channels, folder / "network.onnx")
    except InputError:
        if new:
            folder.rmdir()
        raise
    write_json(folder / "model.json", description(predictor))
    write_atomic(folder / "predict.py", text)
    difference = largest_difference(network, predictor.channels, folder / "network.onnx")
    if not difference <= TOLERANCE:
        raise InputError(
            f"{folder / 'network.onnx'} differs from the checkpoint by {difference:.1e} standard deviations; report it"
        )
    return difference


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
    return Averaged([model.network for model in predictor.models], predictor.config["average"] == "logits")


def _reads(model: TrainedModel) -> tuple[Any, ...]:
    """What must be equal for networks that share an input."""
    numbers = {key: _plain(value) for key, value in vars(model.normalize).items()}
    return type(model.normalize), numbers, model.network.geometry.to_dict()


def description(predictor: Predictor) -> dict[str, Any]:
    """model.json: all that the example needs beside the network."""
    model, config = predictor.models[0], predictor.config
    geometry = model.network.geometry
    multiple, halo, margin = geometry.multiple, geometry.halo, geometry.margin
    tile = max(multiple, max(sides_of(config["tile"])) // multiple * multiple)
    return {
        "classes": list(predictor.classes),
        "colors": [list(color) for color in predictor.colors],
        "channels": predictor.channels,
        "channel_order": "RGB",
        "normalize": {
            "kind": type(model.normalize).__name__,
            **{key: _plain(value) for key, value in vars(model.normalize).items()},
            "rule": model.normalize.describe(),
        },
        "geometry": {
            **geometry.to_dict(),
            "output_tile": tile,
            "input_tile": geometry.input_size(tile + 2 * (halo - margin)),
        },
        "tile_rule": "origins at multiples of output_tile; read input_tile pixels from origin - halo, mirrored beyond "
        "the image without doubling its edge; of the logits keep output_tile pixels from halo - margin on",
        "postprocess": config["postprocess"],
        "networks": len(predictor.models),
        "identity": {key: model.identity[key] for key in ("config_hash", "split_hash", "versions")},
    }


def example(predictor: Predictor) -> str:
    """predict.py, with this checkpoint's normalisation in a line."""
    part = predictor.models[0].normalize
    kind = type(part).__name__
    if kind not in NORMALIZE:
        raise InputError(f"normalize of class {kind} has no line for the example; export knows {sorted(NORMALIZE)}")
    numbers = {key: _plain(value) for key, value in vars(part).items()}
    if predictor.channels not in (1, 3):
        raise InputError(f"OpenCV reads 1 or 3 channels, the network takes {predictor.channels}; expected one of these")
    if not predictor.models[0].network.geometry.exact:
        raise InputError(
            "the example doesn't blend tiles, which instance and group norm need; train with model=unet "
            "model.norm=batch"
        )
    flag = f"cv2.IMREAD_{'COLOR' if predictor.channels == 3 else 'GRAYSCALE'} | cv2.IMREAD_ANYDEPTH"
    text = (Path(__file__).parent / "example.py.txt").read_text(encoding="utf-8")
    return text.replace("{{ normalize }}", NORMALIZE[kind].format(**numbers)).replace("{{ flag }}", flag)


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    return [_plain(item) for item in value] if isinstance(value, Sequence) and not isinstance(value, str) else value
