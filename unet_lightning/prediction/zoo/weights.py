"""A network with its first and last steps, from images to probabilities, as ONNX and as TorchScript."""

import logging
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from unet_lightning.prediction.onnx import export_onnx, first_line
from unet_lightning.prediction.predictor import Predictor
from unet_lightning.prediction.zoo.preprocessing import Fixed
from unet_lightning.tta.flip_rotate import FlipRotate

log = logging.getLogger(__name__)
Array = NDArray[np.float32]
Run = Callable[[Array], Array]


class Probabilities(nn.Module):
    """Images (B, C, h, w) to probabilities (B, L, h, w), 0 where a valid network has no output.

    network: gives logits (B, L, h - 2 margin, w - 2 margin). views: whose predictions are averaged. temperature: what
    logits are divided by. fixed: the part of the normalisation that needs no image.
    """

    def __init__(
        self, network: nn.Module, views: FlipRotate, temperature: float, margin: int, fixed: Fixed | None
    ) -> None:
        super().__init__()
        self.network, self.views, self.temperature, self.margin = network, views, temperature, margin
        self.clips = fixed is not None and bool(np.isfinite([fixed.low, fixed.high]).any())
        for name in ("low", "high", "shift", "scale"):
            numbers = None if fixed is None else torch.from_numpy(getattr(fixed, name).copy())[:, None, None]
            self.register_buffer(name, numbers)

    def forward(self, image: Tensor) -> Tensor:
        """What the network says of images after the zoo's own preprocessing."""
        if self.clips:
            image = torch.minimum(torch.maximum(image, self.low), self.high)  # type: ignore[arg-type]
        if self.shift is not None:
            image = (image - self.shift) / self.scale  # type: ignore[operator]
        found = (self.views(self.network, image) / self.temperature).softmax(1)
        return F.pad(found, [self.margin] * 4) if self.margin else found


def temperature(predictor: Predictor) -> float:
    """What a package divides logits by; 1 where interiors and rims are told apart.

    Their probabilities are added up to those of classes afterwards, and divided before they could change the class.
    """
    return float(predictor.config["temperature"]) if predictor.outputs == len(predictor.classes) else 1.0


def write_onnx(
    network: nn.Module, finish: Callable[[nn.Module], nn.Module], channels: int, path: Path
) -> tuple[Run, int]:
    """Write the finished network with free sizes; a function that runs it, and the version of its operators."""
    export_onnx(network, channels, path, finish, "probabilities")
    import onnx
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path))  # type: ignore[attr-defined]
    opsets = {entry.domain: entry.version for entry in onnx.load(str(path)).opset_import}
    return lambda image: np.asarray(session.run(None, {"image": image})[0]), opsets[""]


def write_torchscript(finished: nn.Module, image: Array, path: Path) -> Run | None:
    """Trace the finished network on whole sides with images (B, C, h, w); None, and no file, where torch can't."""
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # of what the trace keeps, which is compared afterwards, and of tracing itself
        try:
            traced: Any = torch.jit.trace(finished, torch.from_numpy(image), check_trace=False)  # type: ignore[no-untyped-call]
            torch.jit.save(traced, str(path))
        except Exception as error:  # of many kinds
            path.unlink(missing_ok=True)
            log.info(
                f"no TorchScript: torch can't trace this network ({first_line(error)}); the package has ONNX alone"
            )
            return None
        traced = torch.jit.load(str(path))  # type: ignore[no-untyped-call]

    def run(given: Array) -> Array:
        with torch.inference_mode():
            found: Array = traced(torch.from_numpy(given)).numpy()
        return found

    return run


def differences(runs: Mapping[str, Run], reference: nn.Module, images: list[Array]) -> dict[str, float]:
    """The largest difference of probabilities from the network in torch, in float64, of each format; inf: none given.

    images: (B, C, h, w) each, as preprocessing leaves them.
    """
    found = dict.fromkeys(runs, 0.0)
    for image in images:
        with torch.inference_mode():
            expected = reference(torch.from_numpy(image).double()).numpy()
        for name, run in runs.items():
            given = run(image)
            alike = given.shape == expected.shape
            found[name] = max(found[name], float(np.abs(given - expected).max()) if alike else np.inf)
    return found
