"""Load a network from a checkpoint without running any code that the file contains."""

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

from unet_lightning.config.instantiate import instantiate
from unet_lightning.error import InputError
from unet_lightning.normalize.base import Normalize, normalize_image
from unet_lightning.prediction.trust import check_plain, check_targets

UNREADABLE = (zipfile.BadZipFile, pickle.UnpicklingError, RuntimeError, OSError, EOFError)
CHECKPOINT_KEY = "unet_lightning"  # the key of a checkpoint's description of itself
FORMAT = 2  # version of that description; version 1 had no number
READERS = {1: "0.1"}  # which version of this package reads an older format
BROKEN = (*UNREADABLE, KeyError, TypeError, AttributeError, ValueError)
NEEDED = {"config", "statistics", "classes", "colors", "split_hash", "config_hash", "versions"}


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
    def classes(self) -> tuple[str, ...]:
        """Their names, background first."""
        return tuple(self.identity["classes"])

    def normalize_window(self, window: NDArray[Any], affine: tuple[NDArray[np.float32], NDArray[np.float32]]) -> Tensor:
        """A part (h, w, C) of an image to (C, h, w) float32, with the shift and scale of the whole image."""
        if not np.issubdtype(window.dtype, np.integer) and not np.isfinite(window).all():
            raise InputError("the image holds values that are NaN or infinite; replace them")
        return normalize_image(window, *affine)


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """What a checkpoint holds; nothing is unpickled but tensors and plain containers."""
    try:
        _refuse_bomb(Path(path))
        content = torch.load(path, map_location="cpu", weights_only=True)
        identity, state = content[CHECKPOINT_KEY], content["state_dict"]
        if not isinstance(identity["config"], Mapping) or not isinstance(state, Mapping):
            raise TypeError("its parts are no mappings")
        _check_format(path, identity.get("format", 1))
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


def _check_format(path: str | Path, found: Any) -> None:
    """InputError for a checkpoint of another version, which names the version that reads it."""
    if found != FORMAT:
        reader = f"unet-lightning {READERS[found]}" if found in READERS else "a newer unet-lightning"
        raise InputError(f"{path}: a checkpoint of format {found}; expected {FORMAT}; use {reader}, or train it again")


def _refuse_bomb(path: Path) -> None:
    """InputError for a zip bomb: an archive with more content than file size, since checkpoints are uncompressed."""
    if not zipfile.is_zipfile(path) and path.is_file():
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
    for key in ("model", "normalize"):
        check_targets(config[key], key, trust)
    with torch.device("meta"):  # takes no memory, however large the config says the network is
        shape = {"in_channels": identity["statistics"]["channels"], "classes": len(identity["classes"])}
        network = instantiate(config["model"], **shape)
    prefix = "network."
    state = {k[len(prefix) :]: v for k, v in content["state_dict"].items() if k.startswith(prefix)}
    if sum(tensor.numel() * tensor.element_size() for tensor in state.values()) > Path(path).stat().st_size:
        raise InputError(f"{path}: its tensors claim more values than the file holds; train it again")
    try:
        network.load_state_dict(state, assign=True)
    except RuntimeError as error:
        reason = " ".join(line.strip() for line in str(error).splitlines()[1:3])
        raise InputError(f"{path}: its tensors don't fit its config ({reason}); train it again") from None
    normalize: Normalize = instantiate(config["normalize"])
    normalize.fit(identity["statistics"])
    return TrainedModel(Path(path), network.requires_grad_(False).eval(), normalize, identity)
