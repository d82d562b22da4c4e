"""A checkpoint back to a network that predicts, with nothing in it run."""

import inspect
import pickle
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unet_lightning.error import InputError
from unet_lightning.model.unet import UNet
from unet_lightning.normalize import Normalize
from unet_lightning.part import locate, make
from unet_lightning.pipeline.dataset import normalised
from unet_lightning.postprocess import Objects
from unet_lightning.task import CHECKPOINT_KEY, SegmentationTask
from unet_lightning.tta.square import Square

UNREADABLE = (zipfile.BadZipFile, pickle.UnpicklingError, RuntimeError, OSError, EOFError)
BROKEN = (*UNREADABLE, KeyError, TypeError, AttributeError, ValueError)
NEEDED = {"config", "statistics", "classes", "colors", "split_hash", "config_hash", "versions"}
BASES = {"model": UNet, "normalize": Normalize, "postprocess": Objects, "tta": Square}
TRUSTED = ("unet_lightning.", "torch.nn.")


@dataclass(frozen=True)
class Model:
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
    def classes(self) -> tuple[str, ...]:
        """Their names, background first."""
        return tuple(self.identity["classes"])

    def normalised(self, window: NDArray[Any], affine: tuple[NDArray[np.float32], NDArray[np.float32]]) -> Tensor:
        """A part (h, w, C) of an image to (C, h, w) float32, with the shift and scale of the whole image."""
        if not np.issubdtype(window.dtype, np.integer) and not np.isfinite(window).all():
            raise InputError("the image holds values that are NaN or infinite; replace them")
        return normalised(window, *affine)


def read(path: str | Path) -> dict[str, Any]:
    """What a checkpoint holds; nothing is unpickled but tensors and plain containers."""
    try:
        _refuse_bomb(Path(path))
        content = torch.load(path, map_location="cpu", weights_only=True)
        identity, state = content[CHECKPOINT_KEY], content["state_dict"]
        if not isinstance(identity["config"], Mapping) or not isinstance(state, Mapping):
            raise TypeError("its parts are no mappings")
        missing = NEEDED - identity.keys()
        if missing:
            raise KeyError(f"without {sorted(missing)}")
        check_plain(identity["config"], "config")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; give the checkpoints/best.ckpt of a run") from None
    except InputError:
        raise
    except BROKEN as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"{path}: not a checkpoint of unet-lightning ({reason}); give the checkpoints/best.ckpt of a run"
        ) from None
    assert isinstance(content, dict)
    return content


def _refuse_bomb(path: Path) -> None:
    """InputError for an archive that claims more than the file holds: checkpoints are not compressed."""
    if not zipfile.is_zipfile(path) and path.is_file():
        raise InputError(f"{path}: not a checkpoint of unet-lightning; give the checkpoints/best.ckpt of a run")
    with zipfile.ZipFile(path) as archive:
        claimed = sum(entry.file_size for entry in archive.infolist())
    if claimed > path.stat().st_size:
        raise InputError(f"{path}: claims {claimed:,} bytes in a file of {path.stat().st_size:,}; train it again")


def load_model(path: str | Path, trust: Sequence[str] = ()) -> Model:
    """Network and normalisation of a checkpoint, on the CPU, in evaluation mode.

    Nothing is built but classes of this package, of torch.nn and of the packages in `trust`; InputError for a file
    that is no such checkpoint, or whose tensors don't fit the network its config describes.
    """
    content = read(path)
    identity = content[CHECKPOINT_KEY]
    config = identity["config"]
    for key in ("model", "normalize"):
        check_targets(config[key], key, trust)
    with torch.device("meta"):  # takes no memory, however large the config says the network is
        shape = {"in_channels": identity["statistics"]["channels"], "classes": len(identity["classes"])}
        network = make(config["model"], **shape)
    prefix = "network."
    state = {k[len(prefix) :]: v for k, v in content["state_dict"].items() if k.startswith(prefix)}
    if sum(tensor.numel() * tensor.element_size() for tensor in state.values()) > Path(path).stat().st_size:
        raise InputError(f"{path}: its tensors claim more values than the file holds; train it again")
    try:
        network.load_state_dict(state, assign=True)
    except RuntimeError as error:
        reason = " ".join(line.strip() for line in str(error).splitlines()[1:3])
        raise InputError(f"{path}: its tensors don't fit its config ({reason}); train it again") from None
    normalize: Normalize = make(config["normalize"])
    normalize.fit(identity["statistics"])
    return Model(Path(path), network.requires_grad_(False).eval(), normalize, identity)


def load_weights(task: SegmentationTask, checkpoint: str) -> None:
    """The parameters of a checkpoint into a task of the same config."""
    content = torch.load(checkpoint, map_location=task.device, weights_only=True)
    task.load_state_dict(content["state_dict"])


def check_plain(node: Any, key: str) -> None:
    """InputError for an interpolation anywhere below a node: resolving one can call functions."""
    if isinstance(node, str) and "${" in node:
        raise InputError(f"{key}={node} in the checkpoint is no plain value; train it again")
    inner = node.items() if isinstance(node, Mapping) else enumerate(node) if isinstance(node, list | tuple) else ()
    for name, child in inner:
        check_plain(name, key)
        check_plain(child, f"{key}.{name}")


def check_targets(node: Any, key: str, trust: Sequence[str] = ()) -> None:
    """InputError unless every `_target_` below a node is a class of this package, of torch.nn or of a trusted package.

    A part's own class must be of the kind its key stands for. A function counts only where it finds a data set: in
    unet_lightning.data or in a trusted package.
    """
    if isinstance(node, list | tuple):
        node = dict(enumerate(node))
    if not isinstance(node, Mapping):
        return
    for name, child in node.items():
        check_targets(child, f"{key}.{name}", trust)
    target = node.get("_target_")
    if target is not None:
        trusted = isinstance(target, str) and f"{target}.".startswith((*TRUSTED, *(f"{name}." for name in trust)))
        found = locate(target, key) if trusted else None
        module = f"{getattr(found, '__module__', '')}."
        own = module.startswith(tuple(f"{name}." for name in trust))
        kind: Any = BASES.get(key, object)
        if not (
            (inspect.isclass(found) and (own or (module.startswith(TRUSTED) and issubclass(found, kind))))
            or (inspect.isfunction(found) and (own or module.startswith("unet_lightning.data.")))
        ):
            raise InputError(
                f"{key}._target_={target} in the checkpoint is no class of unet_lightning or torch.nn"
                f"{f' for {key}' if key in BASES else ''}; if you know and trust its package, say --trust PACKAGE"
            )
