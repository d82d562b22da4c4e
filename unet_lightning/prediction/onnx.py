"""A network as ONNX, compared with the one in torch."""

import logging
import warnings
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr
from copy import deepcopy
from importlib import import_module
from io import StringIO
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.export import Dim
from torch.nn import functional as F

from unet_lightning.error import InputError

REMEDY = "it can write the up-samplings and fusions of this package: train with upsample=transposed fusion=concat"


class WholeNetwork(nn.Module):
    """A network on sides that are plain multiples of its poolings plus a constant, whatever the exporter's symbols.

    Halving then leaves no rounding behind, so that the exporter needs no proof that skips and up-sampled maps fit; with
    rounding it gives up on valid networks from depth 3 on. Same networks are padded to whole poolings as in torch; one
    that takes two multiples at least gets images that are larger than one. An image that a valid network takes stays as
    it is; one that it would refuse is cut to the next smaller it takes.
    """

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network, self.multiples = network, network.geometry.multiples
        self.same = network.geometry.convolution == "same"
        self.smallest = 0 if self.same else network.geometry.input_size(1)

    def forward(self, image: Tensor) -> Tensor:
        """(B, C, h, w) to logits (B, K, h - 2 margin, w - 2 margin)."""
        height, width = image.shape[-2:]
        bottom, right = (
            (side - self.smallest + (n - 1 if self.same else 0)) // n * n + self.smallest - side
            for side, n in zip((height, width), self.multiples, strict=True)
        )
        whole = F.pad(image, (0, right, 0, bottom), mode="replicate" if self.same else "constant")
        logits: Tensor = self.network.unpadded(whole)
        return logits[..., :height, :width] if self.same else logits


class Averaged(nn.Module):
    """Networks of one geometry, themselves averaged or not, as one: mean logits, or the log of mean probabilities."""

    def __init__(self, networks: Sequence[Any], logits: bool) -> None:
        super().__init__()
        self.networks, self.logits = nn.ModuleList(networks), logits
        self.geometry = networks[0].geometry

    def whole(self) -> "Averaged":
        """Of networks on whole sides."""
        averaged = Averaged(list(self.networks), self.logits)
        averaged.networks = nn.ModuleList(map(whole, self.networks))
        return averaged

    def forward(self, image: Tensor) -> Tensor:
        """(B, C, h, w) to (B, K, h - 2 margin, w - 2 margin)."""
        found = torch.stack([network(image) for network in self.networks])
        if self.logits:
            return found.mean(0)
        return found.log_softmax(2).logsumexp(0) - log(len(self.networks))


def whole(network: Any) -> nn.Module:
    """A network, or averaged ones, on whole sides."""
    return network.whole() if isinstance(network, Averaged) else WholeNetwork(network)


def export_onnx(
    network: Any,
    channels: int,
    path: Path,
    finish: Callable[[nn.Module], nn.Module] | None = None,
    output: str = "logits",
) -> None:
    """The network with free batch, height and width. InputError where torch's exporter can't write it.

    finish: function of the network on whole sides that gives what is written in its place. output: its name.
    """
    try:
        for name in ("onnx", "onnxscript", "onnxruntime"):  # the last one compares: missing it now is cheaper
            import_module(name)
    except ImportError as error:
        raise InputError(f"{error}; pip install 'unet-lightning[export]'") from None
    geometry = network.geometry
    steps = geometry.multiples
    if geometry.convolution == "same":  # an example that is padded, and without maps of size 1
        least = [max(2, fitted - n + 1) for fitted, n in zip(geometry.fit((1, 1)), steps, strict=True)]
        height, width = (2 * n + 3 for n in steps)
    else:
        least = [geometry.input_size(1)] * 2
        height, width = (smallest + n for smallest, n in zip(least, steps, strict=True))
    example = torch.zeros(2, channels, height, width + steps[1])
    free = {0: Dim("batch"), 2: Dim("height", min=least[0]), 3: Dim("width", min=least[1])}
    with warnings.catch_warnings(), redirect_stderr(StringIO()):  # where it prints the graph when it fails
        warnings.simplefilter("ignore")
        for name in ("torch.onnx", "onnxscript", "onnx_ir"):
            logging.getLogger(name).setLevel(logging.ERROR)
        try:
            program = torch.onnx.export(
                finish(whole(network)) if finish else whole(network),
                (example,),
                dynamo=True,
                dynamic_shapes=(free,),
                input_names=["image"],
                output_names=[output],
                verbose=False,
            )
        except Exception as error:  # of many kinds, with hundreds of lines
            raise InputError(f"torch's exporter can't write this network ({first_line(error)}); {REMEDY}") from None
    assert program is not None
    program.save(str(path))


def first_line(error: BaseException) -> str:
    """Class and first line of what an error goes back to."""
    error = error.__cause__ or error
    lines = str(error).strip().splitlines()
    return ": ".join([type(error).__name__, *lines[:1]])


def largest_difference(network: Any, channels: int, path: Path) -> float:
    """Largest difference from the torch network's logits on noise of two sizes, in their standard deviations.

    The torch network is taken in float64: deep ones round by as much as 1e-4 in float32, in torch as in onnxruntime.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path))  # type: ignore[attr-defined]
    geometry, network = network.geometry, deepcopy(network).double()
    side = geometry.input_size(2 * geometry.multiple)
    largest = 0.0
    for height, width in ((side, side + geometry.multiple), (side + 3 * geometry.multiple, side)):
        image = torch.randn(1, channels, height, width, generator=torch.Generator().manual_seed(height))
        with torch.inference_mode():
            expected = network(image.double()).numpy()
        found = session.run(None, {"image": image.numpy()})[0]
        largest = max(largest, float(np.abs(found - expected).max() / max(expected.std(), 1e-12)))
    return largest
