"""Load a network from a checkpoint without running any code that the file contains."""

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from unet_lightning.config.check import findings
from unet_lightning.config.instantiate import instantiate
from unet_lightning.error import InputError, shown
from unet_lightning.normalize.base import Affine, Normalize, normalize_image
from unet_lightning.prediction.identity import check_identity
from unet_lightning.prediction.trust import check_targets
from unet_lightning.reading.guard import check_file
from unet_lightning.runtime.seal import check_whole
from unet_lightning.target.base import Target
from unet_lightning.target.classes import Classes

CHECKPOINT_KEY = "unet_lightning"  # what a checkpoint says of itself
FORMAT = 2  # of what lies under that key; 1 had none written
READERS = {1: "0.1"}  # which version of this package reads an older format
PREFIX = "network."  # of the network's tensors in the state dict


@dataclass(frozen=True)
class TrainedModel:
    """A trained network, the normalisation of its images, and what its checkpoint says of itself."""

    path: Path
    network: Any
    normalize: Normalize
    identity: dict[str, Any]

    @property
    def channels(self) -> int:
        """Of an image."""
        return int(self.identity["statistics"]["channels"])

    @property
    def target(self) -> Target:
        """What its outputs say of classes."""
        return target_of(self.identity["config"])

    @property
    def classes(self) -> tuple[str, ...]:
        """Their names, background first."""
        return tuple(self.identity["classes"])

    def normalize_window(self, window: NDArray[Any], numbers: Affine) -> Tensor:
        """A part (h, w, C) of an image to (C, h, w) float32, with the shift and scale of the whole image."""
        if not np.issubdtype(window.dtype, np.integer) and not np.isfinite(window).all():
            raise InputError("the image holds values that are NaN or infinite; replace them")
        return normalize_image(self.normalize.prepare(window, numbers), *numbers)


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """What a checkpoint holds, as its schema says; nothing is unpickled but tensors and plain containers."""
    try:
        if Path(path).exists() and not Path(path).is_dir():
            check_file(Path(path))  # a pipe would never end
        _refuse_bomb(Path(path))
        check_whole(Path(path))
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; give the checkpoints/best.ckpt of a run") from None
    except InputError:
        raise
    except Exception as error:  # whatever a damaged or hostile file makes torch raise
        raise _no_checkpoint(path, (str(error).splitlines() or [type(error).__name__])[0]) from None
    if not isinstance(content, dict) or not isinstance(content.get(CHECKPOINT_KEY), dict):
        raise _no_checkpoint(path, f"it holds nothing under the key {CHECKPOINT_KEY}")
    _check_format(path, content[CHECKPOINT_KEY].get("format", 1))
    try:
        check_identity(content[CHECKPOINT_KEY])
    except InputError as error:
        raise _no_checkpoint(path, str(error)) from None
    return content


def _no_checkpoint(path: str | Path, reason: str) -> InputError:
    return InputError(
        f"{path}: not a checkpoint of unet-lightning ({shown(reason, 200)}); give the checkpoints/best.ckpt of a run"
    )


def _check_format(path: str | Path, found: Any) -> None:
    """InputError for a checkpoint of another version, which names the version that reads it."""
    if type(found) is not int or found < 1:
        raise _no_checkpoint(path, f"format={shown(found)}")
    if found != FORMAT:
        reader = f"unet-lightning {READERS[found]}" if found in READERS else "a newer unet-lightning"
        came = f"a checkpoint of format {shown(found)}"
        raise InputError(f"{path}: {came}; expected {FORMAT}; use {reader}, or train it again")


def _refuse_bomb(path: Path) -> None:
    """InputError for an archive that claims more than the file holds: checkpoints are not compressed."""
    if path.exists() and not (path.is_file() and zipfile.is_zipfile(path)):
        raise InputError(f"{path}: not a checkpoint of unet-lightning; give the checkpoints/best.ckpt of a run")
    with zipfile.ZipFile(path) as archive:
        claimed = sum(entry.file_size for entry in archive.infolist())
    if claimed > path.stat().st_size:
        raise InputError(f"{path}: claims {claimed:,} bytes in a file of {path.stat().st_size:,}; train it again")


def load_model(path: str | Path, trust: Sequence[str] = ()) -> TrainedModel:
    """Network and normalisation of a checkpoint, on the CPU, in evaluation mode.

    Nothing is built but classes of this package, of torch.nn and of the packages in `trust`; InputError for a file
    that is no such checkpoint, or whose tensors don't fit the network its config describes.
    """
    content = read_checkpoint(path)
    identity = content[CHECKPOINT_KEY]
    config = identity["config"]
    state = _tensors(path, content.get("state_dict"))
    parts = [key for key in ("model", "normalize", "target") if key in config]  # older ones have no target
    for key in parts:
        check_targets(config[key], key, str(path), trust)
    for key in parts:
        found = findings(config[key], key)
        if found:
            raise InputError(f"{path}: {'; '.join(found[:3])}; train it again")
    network = _network(path, identity)
    _fill(path, network, state)
    try:
        normalize: Normalize = instantiate(config["normalize"])
        normalize.fit(identity["statistics"])
    except Exception as error:  # of values that only the part itself can tell
        raise InputError(f"{path}: its normalize can't be built ({_cause(error)}); train it again") from None
    return TrainedModel(Path(path), network.requires_grad_(False).eval(), normalize, identity)


def target_of(config: Mapping[str, Any]) -> Target:
    """What the network of a config learned; one from before there was a choice learned the classes."""
    return instantiate(config["target"]) if "target" in config else Classes()


def _tensors(path: str | Path, state: Any) -> dict[str, Tensor]:
    """The network's tensors by name: dense, real, on the processor, and no more values than the file holds."""
    if not isinstance(state, Mapping) or not all(isinstance(name, str) for name in state):
        raise _no_checkpoint(path, "its state_dict is no mapping of names to tensors")
    found = {name.removeprefix(PREFIX): tensor for name, tensor in state.items() if name.startswith(PREFIX)}
    for name, tensor in found.items():
        if not _is_dense(tensor):
            raise InputError(f"{path}: {shown(name)} is no dense tensor of real numbers; train it again")
    if sum(tensor.numel() * tensor.element_size() for tensor in found.values()) > Path(path).stat().st_size:
        raise InputError(f"{path}: its tensors claim more values than the file holds; train it again")
    for name, tensor in found.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise InputError(
                f"{path}: {shown(name)} holds values that are NaN or infinite: training diverged; "
                "train again with a lower optimizer.lr"
            )
    return found


def _is_dense(tensor: Any) -> bool:
    return (
        type(tensor) in (Tensor, nn.Parameter)
        and tensor.layout is torch.strided
        and tensor.device.type == "cpu"
        and not (tensor.is_complex() or tensor.is_quantized or tensor.is_nested)
    )


def _network(path: str | Path, identity: Mapping[str, Any]) -> Any:
    """The network of a checkpoint's config without memory for its weights, however large the config says it is."""
    outputs = target_of(identity["config"]).outputs(len(identity["classes"]))
    shape = {"in_channels": identity["statistics"]["channels"], "classes": outputs}
    try:
        with torch.device("meta"):
            network = instantiate(identity["config"]["model"], **shape)
        if not isinstance(network, nn.Module):
            raise TypeError(f"a {type(network).__name__}, not a network")
    except Exception as error:  # of parts of other packages as well
        raise InputError(f"{path}: its model can't be built ({_cause(error)}); train it again") from None
    return network


def _fill(path: str | Path, network: Any, state: Mapping[str, Tensor]) -> None:
    """Give a network its tensors, as float32; InputError where names, shapes or kinds of numbers don't fit."""
    wanted = network.state_dict()
    other = [
        name for name in wanted if name in state and wanted[name].dtype.is_floating_point != _is_float(state[name])
    ]
    if other:
        reason = f"{other[0]} holds {state[other[0]].dtype}, expected {wanted[other[0]].dtype}"
        raise InputError(f"{path}: its tensors don't fit its config ({reason}); train it again")
    try:
        network.load_state_dict({k: v.float() if _is_float(v) else v for k, v in state.items()}, assign=True)
    except RuntimeError as error:
        reason = " ".join(line.strip() for line in str(error).splitlines()[1:3])
        raise InputError(f"{path}: its tensors don't fit its config ({shown(reason, 200)}); train it again") from None


def _cause(error: Exception) -> str:
    return shown(error.__cause__ or error, 200)


def _is_float(tensor: Tensor) -> bool:
    return tensor.dtype.is_floating_point
