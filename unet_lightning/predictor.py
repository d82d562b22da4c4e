"""Trained networks at work on native images: one or an ensemble, tile by tile, on whatever the machine has."""

import json
import logging
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unet_lightning.build import choose_precision
from unet_lightning.checkpoint import Model, check_plain, check_targets, load_model
from unet_lightning.config import over
from unet_lightning.error import InputError
from unet_lightning.part import findings, make, plain_config
from unet_lightning.postprocess import Objects
from unet_lightning.tiling import Eye, Pieces, predict_tiles, window

log = logging.getLogger(__name__)
TINY = torch.finfo(torch.float32).tiny
MOST_TILES = 16  # at once on a GPU


class Predictor:
    """Class scores of images as they are read from files, (H, W, C), of any size.

    models: their probabilities are averaged. config: plain, of the first model with overrides composed over it; its
    tile, tta, postprocess and trainer.accelerator and .precision count.
    """

    def __init__(self, models: Sequence[Model], config: Mapping[str, Any]) -> None:
        self.models, self.config = list(models), config
        self.classes, self.channels = models[0].classes, models[0].channels
        self.colors = tuple((r, g, b) for r, g, b in models[0].identity["colors"])
        self.postprocess: Objects = make(config["postprocess"])
        self.tta = make(config["tta"])
        self.device = choose_device(config["trainer"]["accelerator"])
        wanted = config["trainer"]["precision"]
        self.precision = choose_precision(wanted, self.device.type, models[0].network)
        self.tile, self.batch, self.fitted = int(config["tile"]), 1, False
        for model in models:
            model.network.to(self.device, memory_format=torch.channels_last)

    def pieces(self, image: Any) -> Pieces:
        """Logits of an image (H, W, C) in pieces that cover it, each ((top, left, bottom, right), (K, h, w) float32).

        image: an array, or whatever has a shape and is read by slices. Of an ensemble or several views the logits are
        the logarithm of mean probabilities. Where a GPU's memory doesn't suffice the pieces come again, smaller.
        """
        if len(image.shape) != 3 or image.shape[2] != self.channels:
            raise InputError(f"image of shape {tuple(image.shape)}; expected (H, W, {self.channels}) as in training")
        eyes = [self._eye(model, image) for model in self.models]
        while True:
            try:
                self._fit_memory()
                for box, piece in predict_tiles(eyes, (image.shape[0], image.shape[1]), self.tile, self.batch):
                    yield box, (piece.clamp_min(TINY).log() if len(eyes) > 1 else piece).cpu()
                return
            except torch.OutOfMemoryError:
                self._shrink()

    def working_bytes(self, maps: int) -> int:
        """About what a tile takes on the way through the largest network: so many float32 maps of its finest level."""
        sizes = [model.network.head.in_channels * self._side(model) ** 2 for model in self.models]
        return self.batch * maps * 4 * int(max(sizes))

    def logits(self, image: NDArray[Any]) -> Tensor:
        """(H, W, C) to (K, H, W) float32."""
        logits = torch.empty(len(self.classes), *image.shape[:2])
        for (top, left, bottom, right), piece in self.pieces(image):
            logits[:, top:bottom, left:right] = piece
        return logits

    def predict(self, image: NDArray[Any]) -> NDArray[np.uint8]:
        """(H, W, C) to (H, W) class ids."""
        ids = np.empty(image.shape[:2], np.uint8)
        for (top, left, bottom, right), piece in self.pieces(image):
            ids[top:bottom, left:right] = piece.argmax(0).numpy()
        return ids

    def _eye(self, model: Model, image: Any) -> Eye:
        affine = model.normalize(image)

        def read(top: int, left: int, height: int, width: int) -> Tensor:
            return model.normalised(window(image, top, left, height, width), affine)

        return Eye(model.network.geometry, read, partial(self._score, model))

    def _score(self, model: Model, images: Tensor) -> Tensor:
        half = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}.get(self.precision)
        images = images.to(self.device, memory_format=torch.channels_last, non_blocking=True)
        with torch.autocast(self.device.type, half or torch.bfloat16, enabled=half is not None):
            logits: Tensor = self.tta(model.network.interior, images)
        return logits.float().softmax(1) if len(self.models) > 1 else logits

    def _fit_memory(self) -> None:
        """Before the first image on a GPU: as many tiles at once as its memory holds, by one that is tried."""
        if self.device.type != "cuda" or self.fitted:
            return
        free, _ = torch.cuda.mem_get_info(self.device)
        most = 1
        for model in self.models:
            torch.cuda.reset_peak_memory_stats(self.device)
            before = torch.cuda.memory_allocated(self.device)
            with torch.inference_mode():
                self._score(model, torch.zeros(1, self.channels, self._side(model), self._side(model)))
            most = max(most, torch.cuda.max_memory_allocated(self.device) - before)
        self.batch, self.fitted = max(1, min(MOST_TILES, int(0.8 * free / most))), True

    def _side(self, model: Model) -> int:
        """Of a tile's input, in pixels."""
        geometry = model.network.geometry
        return int(geometry.input_size(self.tile + 2 * (geometry.halo - geometry.margin)))

    def _shrink(self) -> None:
        """Half the batch, or of one tile half its side; InputError when that is as small as it can be."""
        smallest = max(model.network.geometry.multiple for model in self.models)
        if self.batch > 1:
            self.batch //= 2
        elif self.tile >= 2 * smallest:
            self.tile //= 2
        else:
            raise InputError(
                f"{self.device} has no memory for a tile of {self.tile} pixels; set trainer.accelerator=cpu"
            ) from None
        log.warning(f"out of memory on {self.device}: going on with tile={self.tile}, {self.batch} at once")
        if self.device.type == "cuda":
            torch.cuda.empty_cache()


def load(
    *checkpoints: str | Path, overrides: Sequence[str] = (), trust: Sequence[str] = (), extra: str = ""
) -> Predictor:
    """Checkpoints, several of them an ensemble, ready to predict; InputError where they don't belong together.

    overrides: as on the command line, composed over the first one's config. What `unet-lightning tune` chose lies
    beside a checkpoint and is used unless postprocess is overridden. trust: packages whose classes may be built.
    """
    models = [load_model(checkpoint, trust) for checkpoint in checkpoints]
    first = models[0]
    for other in models[1:]:
        for what, one, two in (
            ("classes", first.classes, other.classes),
            ("channels", first.channels, other.channels),
        ):
            if one != two:
                raise InputError(f"{other.path} has {what} {two}, {first.path} has {one}; an ensemble shares them")
    plain = dict(first.identity["config"])
    if tuned(first.path).is_file():
        plain["postprocess"] = _read_tuned(tuned(first.path))
        log.info(f"postprocess as tuned in {tuned(first.path)}")
    if not all(model.network.geometry.exact for model in models):
        log.info(
            "a norm looks at the whole tile: half-overlapping tiles are blended, and tile= changes the result a little"
        )
    config = plain_config(over(plain, list(overrides), extra))
    for key in ("postprocess", "tta"):
        check_targets(config[key], key, trust)
    found = [line for key in ("postprocess", "tta") for line in findings(config[key], key)]
    if not isinstance(config["tile"], int) or not 1 <= config["tile"] <= 2**20:
        found.append(f"tile={config['tile']}: expected 1 to {2**20}")
    if found:
        raise InputError("\n".join(found))
    return Predictor(models, config)


def _read_tuned(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["postprocess"]
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{path}: not what `unet-lightning tune` writes; tune again, or delete it") from None
    check_plain(found, "postprocess")
    return dict(found)


def tuned(checkpoint: Path) -> Path:
    """Where the post-processing chosen for a checkpoint lies."""
    return checkpoint.with_suffix(".postprocess.json")


def choose_device(accelerator: str) -> torch.device:
    """The device of trainer.accelerator: auto, cpu, gpu or mps."""
    if accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available():
        return torch.device("cuda")
    if accelerator in ("auto", "gpu", "mps") and torch.backends.mps.is_available():
        return torch.device("mps")
    if accelerator not in ("auto", "cpu"):
        raise InputError(f"trainer.accelerator={accelerator}: there is none on this machine; set it to cpu")
    return torch.device("cpu")
