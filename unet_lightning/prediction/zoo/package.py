"""A package of the BioImage Model Zoo, specification 0.5: description, weights, test tensors, cover and README."""

import zipfile
from copy import deepcopy
from datetime import UTC, datetime
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
import yaml  # type: ignore[import-untyped]
from numpy.typing import NDArray
from torch import nn

from unet_lightning.error import InputError
from unet_lightning.page.picture import displayable, encode_png, labels_over
from unet_lightning.prediction.example import check_averages
from unet_lightning.prediction.export import made, network_of
from unet_lightning.prediction.onnx import whole
from unet_lightning.prediction.predictor import Predictor
from unet_lightning.prediction.zoo.card import Card, as_yaml
from unet_lightning.prediction.zoo.preprocessing import preprocessing
from unet_lightning.prediction.zoo.readme import readme
from unet_lightning.prediction.zoo.sizes import axes, sides
from unet_lightning.prediction.zoo.weights import (
    Array,
    Probabilities,
    differences,
    temperature,
    write_onnx,
    write_torchscript,
)
from unet_lightning.runtime.files import atomic, write_atomic
from unet_lightning.tiling.window import window

VERSION = "0.5.12"  # of the specification: the first with a border that is mirrored as here
TOLERANCE = 1e-4  # of a probability
FLOAT = {"type": "float32", "range": [None, None]}


def package(predictor: Predictor, card: Card, image: NDArray[Any], folder: Path) -> dict[str, float]:
    """Write the folder and beside it the same as .zip. Returns the largest difference from torch of each format.

    image: (H, W, C), of which a part becomes the test tensor and the cover. Files of other names that lie in the folder
    stay there, and aren't in the .zip. InputError, and nothing is written, for what the zoo can't say, or where a
    format differs from torch by more than 1e-4 of a probability.
    """
    check_averages(predictor)
    model = predictor.models[0]
    steps, fixed = preprocessing(model)
    network = network_of(predictor).to(memory_format=torch.contiguous_format)

    def finish(given: nn.Module) -> Probabilities:
        margin = model.network.geometry.margin
        return Probabilities(given, predictor.tta, temperature(predictor), margin, fixed).eval()

    reference = finish(deepcopy(network)).double()
    raw = example(predictor, image)  # (C, h, w)
    given = raw if fixed else normalized(predictor, raw)
    with torch.inference_mode():
        expected = reference(torch.from_numpy(given[None]).double()).float().numpy()
    folder = folder.resolve()
    with made(folder), TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as place:
        new = Path(place)
        run, opset = write_onnx(network, finish, predictor.channels, new / "network.onnx")
        runs, weights = {"ONNX": run}, {"ONNX": f"opset {opset}"}
        if traced := write_torchscript(finish(whole(network)), given[None], new / "network.pt"):
            runs, weights = runs | {"TorchScript": traced}, weights | {"TorchScript": f"torch {torch.__version__}"}
        found = differences(runs, reference, [given[None], *another(predictor, given)])
        for name, difference in found.items():
            if not difference <= TOLERANCE:
                raise InputError(
                    f"{name} differs from the checkpoint by {difference:.1e} of a probability; give another --image, "
                    "one that isn't constant or saturated in places"
                )
        write_array(new / "test_input.npy", raw[None])
        write_array(new / "test_output.npy", expected)
        write_atomic(new / "cover.png", encode_png(cover(predictor, raw, expected[0])))
        write_atomic(new / "README.md", readme(predictor, card, weights, found))
        text = yaml.safe_dump(description(predictor, card, new, steps, opset), sort_keys=False, allow_unicode=True)
        write_atomic(new / "rdf.yaml", text)
        publish(new, folder)
    return found


def example(predictor: Predictor, image: NDArray[Any]) -> Array:
    """(C, h, w) float32: the middle of an image (H, W, C), mirrored where it is smaller than what the network takes."""
    height, width = (one.example for one in sides(predictor))
    top, left = ((there - side) // 2 for there, side in zip(image.shape, (height, width), strict=False))
    part = window(np.ma.getdata(image), top, left, height, width)
    if part.shape[2] != predictor.channels:
        raise InputError(
            f"--image has {part.shape[2]} channels, the network takes {predictor.channels}; "
            "give an image like those of training"
        )
    return np.ascontiguousarray(part.transpose(2, 0, 1), np.float32)


def normalized(predictor: Predictor, raw: Array) -> Array:
    """(C, h, w) as training normalised it."""
    model, image = predictor.models[0], raw.transpose(1, 2, 0)
    found: Array = model.normalize_window(image, model.normalize(image)).numpy()
    return found


def another(predictor: Predictor, given: Array) -> list[Array]:
    """Two images (2, C, h, w) of another size, turned and mirrored parts, where the network takes other sizes."""
    height, width = sides(predictor)
    if not height.step:
        return []
    rows, columns = height.example + height.step, width.example + 2 * width.step
    part = window(given, 0, 0, rows, columns, channels_first=True)
    return [np.ascontiguousarray(np.stack([part, part[:, ::-1, ::-1]]))]


def cover(predictor: Predictor, raw: Array, probabilities: Array) -> NDArray[np.uint8]:
    """The middle of the image beside its classes in colour, twice as wide as high."""
    sizes, margin = probabilities.shape[1:], predictor.models[0].network.geometry.margin
    side = min(sizes) - 2 * margin
    middle = tuple(slice((n - side) // 2, (n - side) // 2 + side) for n in sizes)
    shown = displayable(raw[:, *middle].transpose(1, 2, 0))
    labels = predictor.target.scores(torch.from_numpy(probabilities[:, *middle]).log()).argmax(0).numpy()
    return np.hstack([shown, labels_over(shown, labels, predictor.colors)])


def write_array(path: Path, array: Array) -> None:
    """A .npy file, whole."""
    content = BytesIO()
    np.save(content, array)
    write_atomic(path, content.getvalue())


def described(path: Path) -> dict[str, str]:
    """A file as the specification has it."""
    return {"source": path.name, "sha256": sha256(path.read_bytes()).hexdigest()}


def description(
    predictor: Predictor, card: Card, folder: Path, steps: list[dict[str, Any]], opset: int
) -> dict[str, Any]:
    """rdf.yaml."""
    torchscript, onnx = folder / "network.pt", folder / "network.onnx"
    weights: dict[str, Any] = {"onnx": described(onnx) | {"opset_version": opset}}
    if torchscript.exists():
        version = torch.__version__.partition("+")[0]
        weights = {
            "torchscript": described(torchscript) | {"pytorch_version": version},
            "onnx": weights["onnx"] | {"parent": "torchscript"},
        }
    identity = predictor.models[0].identity
    return {
        "format_version": VERSION,
        "type": "model",
        **as_yaml(card),
        "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
        "documentation": described(folder / "README.md"),
        "covers": [described(folder / "cover.png")],
        "tags": ["unet", "pytorch", "2d", "semantic-segmentation", "unet-lightning"],
        "inputs": [
            {
                "id": "image",
                "axes": axes(predictor, output=False),
                "test_tensor": described(folder / "test_input.npy"),
                "data": FLOAT,
                "pad": {"mode": "reflect"},
                "preprocessing": steps,
            }
        ],
        "outputs": [
            {
                "id": "probabilities",
                "axes": axes(predictor, output=True),
                "test_tensor": described(folder / "test_output.npy"),
                "data": {"type": "float32", "range": [0.0, 1.0]},
            }
        ],
        "weights": weights,
        "config": {
            "bioimageio": {
                "reproducibility_tolerance": [{"relative_tolerance": 0.0, "absolute_tolerance": TOLERANCE}],
                "model_parameter_count": sum(p.numel() for m in predictor.models for p in m.network.parameters()),
            },
            "unet_lightning": {
                "networks": len(predictor.models),
                "postprocess": predictor.config["postprocess"],
                "temperature": temperature(predictor),
                **{key: identity[key] for key in ("config_hash", "split_hash", "versions")},
            },
        },
    }


def publish(new: Path, folder: Path) -> None:
    """Move the files of a finished package into its folder, and write them as FOLDER.zip beside it."""
    files = sorted(new.iterdir())
    with atomic(folder.with_name(f"{folder.name}.zip")) as file, zipfile.ZipFile(file, "w") as archive:
        for path in files:
            archive.write(path, path.name, zipfile.ZIP_DEFLATED)
    (folder / "network.pt").unlink(missing_ok=True)  # of an earlier package: not every network has one
    for path in files:
        path.replace(folder / path.name)
