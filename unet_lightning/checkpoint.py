"""A checkpoint back to a network that predicts, with nothing in it run."""

import inspect
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from unet_lightning.error import InputError
from unet_lightning.normalize import Normalize
from unet_lightning.part import locate, make
from unet_lightning.pipeline.dataset import normalised
from unet_lightning.task import CHECKPOINT_KEY, SegmentationTask
from unet_lightning.tiling import predict_tiled


def load_weights(task: SegmentationTask, checkpoint: str) -> None:
    """The parameters of a checkpoint into a task of the same config."""
    content = torch.load(checkpoint, map_location=task.device, weights_only=True)
    task.load_state_dict(content["state_dict"])


@dataclass(frozen=True)
class Predictor:
    """A trained network with what it needs to be used on native images."""

    network: nn.Module
    normalize: Normalize
    classes: tuple[str, ...]
    identity: dict[str, Any]

    def logits(self, image: NDArray[Any]) -> Tensor:
        """(H, W, C) as read from a file to (K, H, W) float32, as validation computed them."""
        channels = self.identity["statistics"]["channels"]
        if image.ndim != 3 or image.shape[2] != channels:
            raise InputError(f"image of shape {image.shape}; expected (H, W, {channels}) as in training")
        device = next(self.network.parameters()).device
        half = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}.get(self.identity["precision"])
        array = normalised(image, *self.normalize(image)).to(device)
        with torch.autocast(device.type, half or torch.bfloat16, enabled=half is not None):
            return predict_tiled(self.network, array, self.identity["config"]["tile"])

    def predict(self, image: NDArray[Any]) -> NDArray[np.uint8]:
        """(H, W, C) as read from a file to (H, W) class ids."""
        ids: NDArray[np.uint8] = self.logits(image).argmax(0).cpu().numpy().astype(np.uint8)
        return ids


def load(checkpoint: str | Path, device: str = "cpu") -> Predictor:
    """A checkpoint's network and normalisation, ready to predict.

    Nothing is unpickled, and nothing is built but classes of this package and of torch.nn: InputError for a file that
    is not such a checkpoint.
    """
    try:
        content = torch.load(checkpoint, map_location=device, weights_only=True)
        identity = content[CHECKPOINT_KEY]
        config = identity["config"]
    except (KeyError, TypeError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"{checkpoint}: not a checkpoint of unet-lightning ({reason}); give checkpoints/best.ckpt"
        ) from None
    for key in ("model", "normalize"):
        check_targets(config[key], key)
    network = make(config["model"], in_channels=identity["statistics"]["channels"], classes=len(identity["classes"]))
    prefix = "network."
    network.load_state_dict({k[len(prefix) :]: v for k, v in content["state_dict"].items() if k.startswith(prefix)})
    network = network.to(device, memory_format=torch.channels_last).eval()
    normalize: Normalize = make(config["normalize"])
    normalize.fit(identity["statistics"])
    return Predictor(network, normalize, tuple(identity["classes"]), identity)


def check_targets(node: Any, key: str) -> None:
    """InputError unless every `_target_` below a node of a checkpoint is a class of this package or of torch.nn."""
    if isinstance(node, list):
        node = dict(enumerate(node))
    if not isinstance(node, Mapping):
        return
    for name, child in node.items():
        check_targets(child, f"{key}.{name}")
    target = node.get("_target_")
    if target is not None:
        trusted = isinstance(target, str) and target.startswith(("unet_lightning.", "torch.nn."))
        found = locate(target, key) if trusted else None
        if not inspect.isclass(found) or not found.__module__.startswith(("unet_lightning.", "torch.nn.")):
            raise InputError(f"{key}._target_={target} in the checkpoint is no class of unet_lightning or torch.nn")
