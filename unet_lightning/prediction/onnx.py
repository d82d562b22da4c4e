"""A network as ONNX, compared with the one in torch."""

import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.export import Dim
from torch.nn import functional as F

from unet_lightning.error import InputError


class PaddedNetwork(nn.Module):
    """A network with same convolution that pads its input to a multiple of 2^depth without branches, for the export."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network, self.multiple = network, network.geometry.multiple

    def forward(self, image: Tensor) -> Tensor:
        """(B, C, h, w) to logits (B, K, h, w)."""
        height, width = image.shape[-2:]
        whole = [(side + self.multiple - 1) // self.multiple * self.multiple for side in (height, width)]
        padded = F.pad(image, (0, whole[1] - width, 0, whole[0] - height), mode="replicate")
        logits: Tensor = self.network.head(self.network.decoder(*self.network.encoder(padded)))
        return logits[..., :height, :width]


def export_onnx(network: Any, channels: int, path: Path) -> None:
    """Write the network with dynamic batch size, height and width; InputError where torch can't export it."""
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise InputError(f"{error}; pip install 'unet-lightning[export]'") from None
    geometry = network.geometry
    if geometry.convolution == "same":
        module, side = PaddedNetwork(network), 2 * geometry.multiple + 3
        sides = [Dim("height", min=2), Dim("width", min=2)]
    else:
        module, side = network, geometry.input_size(1)
        rest = side % geometry.multiple
        sides = [geometry.multiple * Dim(f"tiles_{axis}", min=side // geometry.multiple) + rest for axis in "yx"]
    example = torch.zeros(2, channels, side, side + geometry.multiple)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in ("torch.onnx", "onnxscript", "onnx_ir"):
            logging.getLogger(name).setLevel(logging.ERROR)
        try:
            program = torch.onnx.export(
                module,
                (example,),
                dynamo=True,
                dynamic_shapes=({0: Dim("batch"), 2: sides[0], 3: sides[1]},),
                input_names=["image"],
                output_names=["logits"],
                verbose=False,
            )
        except Exception as error:  # of many kinds, with hundreds of lines
            reason = str(error.__cause__ or error).strip().splitlines()[0]
            raise InputError(f"torch's exporter can't write this network ({type(error).__name__}: {reason})") from None
    assert program is not None
    program.save(str(path))


def largest_difference(network: Any, channels: int, path: Path) -> float:
    """Largest difference from the torch network's logits on noise of two sizes, in their standard deviations."""
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
