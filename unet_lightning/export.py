"""`unet-lightning export`: a folder with the network as ONNX, what it needs to know, and an example that uses both."""

import json
import logging
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.export import Dim
from torch.nn import functional as F

from unet_lightning.arguments import parse, parser
from unet_lightning.error import InputError
from unet_lightning.page import TEMPLATES
from unet_lightning.predictor import Predictor, load

log = logging.getLogger(__name__)
NORMALIZE = {  # class to the two numbers of a channel, as the example computes them
    "Image": "image.mean((0, 1), np.float64), image.std((0, 1), np.float64)",
    "Percentile": "(p := np.percentile(image, [*{percents}, 100], (0, 1)))[0], "
    "np.where(p[1] > p[0], p[1] - p[0], p[2] - p[0])",
    "Dataset": "{numbers}",
    "Range": "({low}, {high} - {low})",
    "Unchanged": "0, np.iinfo(image.dtype).max if image.dtype.kind in 'iu' else 1",
}
TOLERANCE = 1e-4  # of the logits' standard deviation
HELP = """Export a checkpoint to ONNX.

  unet-lightning export outputs/…/checkpoints/best.ckpt --to onnx --output exported

Writes network.onnx (any height and width that the network takes, any batch), model.json (normalisation, classes,
colours, geometry, tile rule, post-processing) and predict.py, an example of 40 lines that labels large images with
numpy, onnxruntime and OpenCV alone. The exported network is compared with the checkpoint's before it is called done."""


def main(arguments: list[str]) -> int:
    """Export; 0 when the network agrees with the checkpoint's."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    rules = parser("export", HELP)
    rules.add_argument("checkpoint", metavar="CHECKPOINT")
    rules.add_argument("--to", choices=["onnx"], required=True, help="the format")
    rules.add_argument("--output", type=Path, metavar="DIR", help="where it goes; onnx/ beside the checkpoints")
    rules.add_argument("--trust", action="append", default=[], metavar="PACKAGE", help="whose classes may be built")
    options, overrides = parse(rules, arguments)
    predictor = load(options.checkpoint, overrides=[*overrides, "trainer.accelerator=cpu"], trust=options.trust)
    folder = options.output or Path(options.checkpoint).parent.parent / "onnx"
    difference = export(predictor, folder)
    log.info(f"{folder}: network.onnx, model.json, predict.py; logits differ by at most {difference:.1e} deviations")
    return 0


class AnySize(nn.Module):
    """A same network padded to whole poolings without a branch, as the exporter needs it."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network, self.multiple = network, network.geometry.multiple

    def forward(self, image: Tensor) -> Tensor:
        """(B, C, h, w) to logits (B, K, h, w)."""
        height, width = image.shape[-2:]
        bottom, right = ((self.multiple - side % self.multiple) % self.multiple for side in (height, width))
        padded = F.pad(image, (0, right, 0, bottom), mode="replicate")
        logits: Tensor = self.network.head(self.network.decoder(*self.network.encoder(padded)))
        return logits[..., :height, :width]


def export(predictor: Predictor, folder: Path) -> float:
    """Write the folder; the largest difference of logits between torch and onnxruntime, in their deviations."""
    network = predictor.models[0].network.to(memory_format=torch.contiguous_format)
    text = example(predictor)
    folder.mkdir(parents=True, exist_ok=True)
    to_onnx(network, predictor.channels, folder / "network.onnx")
    (folder / "model.json").write_text(json.dumps(description(predictor), indent=1), encoding="utf-8")
    (folder / "predict.py").write_text(text, encoding="utf-8")
    difference = compare(network, predictor.channels, folder / "network.onnx")
    if not difference <= TOLERANCE:
        raise InputError(
            f"{folder / 'network.onnx'} differs from the checkpoint by {difference:.1e} deviations; report it"
        )
    return difference


def to_onnx(network: Any, channels: int, path: Path) -> None:
    """The network with free batch, height and width."""
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise InputError(f"{error}; pip install 'unet-lightning[export]'") from None
    geometry = network.geometry
    if geometry.convolution == "same":
        module, side = AnySize(network), 2 * geometry.multiple + 3
        sides = [Dim("height", min=2), Dim("width", min=2)]
    else:
        module, side = network, geometry.input_size(1)
        rest = side % geometry.multiple
        sides = [geometry.multiple * Dim(f"tiles_{axis}", min=side // geometry.multiple) + rest for axis in "yx"]
    example = torch.zeros(2, channels, side, side + geometry.multiple)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        program = torch.onnx.export(
            module,
            (example,),
            dynamo=True,
            dynamic_shapes=({0: Dim("batch"), 2: sides[0], 3: sides[1]},),
            input_names=["image"],
            output_names=["logits"],
            verbose=False,
        )
    assert program is not None
    program.save(str(path))


def compare(network: Any, channels: int, path: Path) -> float:
    """Largest difference from the torch network's logits on noise of two sizes, in deviations of the logits."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path))  # type: ignore[attr-defined]
    geometry = network.geometry
    side = geometry.input_size(2 * geometry.multiple)
    largest = 0.0
    for height, width in ((side, side + geometry.multiple), (side + 3 * geometry.multiple, side)):
        image = torch.randn(1, channels, height, width, generator=torch.Generator().manual_seed(height))
        with torch.inference_mode():
            expected = network(image).numpy()
        found = session.run(None, {"image": image.numpy()})[0]
        largest = max(largest, float(np.abs(found - expected).max() / max(expected.std(), 1e-12)))
    return largest


def description(predictor: Predictor) -> dict[str, Any]:
    """model.json: all that the example needs beside the network."""
    model, config = predictor.models[0], predictor.config
    geometry = model.network.geometry
    multiple, halo, margin = geometry.multiple, geometry.halo, geometry.margin
    tile = max(multiple, int(config["tile"]) // multiple * multiple)
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
            "the example doesn't blend tiles, which instance and group norm need; train with model.norm=batch"
        )
    flag = f"cv2.IMREAD_{'COLOR' if predictor.channels == 3 else 'GRAYSCALE'} | cv2.IMREAD_ANYDEPTH"
    text = (TEMPLATES / "predict.py.txt").read_text(encoding="utf-8")
    return text.replace("{{ normalize }}", NORMALIZE[kind].format(**numbers)).replace("{{ flag }}", flag)


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    return [_plain(item) for item in value] if isinstance(value, Sequence) and not isinstance(value, str) else value
