"""Predict images as read from files with one network or an ensemble, tile by tile, on the available device."""

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unet_lightning.config.instantiate import instantiate
from unet_lightning.error import InputError, counted
from unet_lightning.postprocess.objects import Objects
from unet_lightning.prediction.checkpoint import TrainedModel
from unet_lightning.prediction.common_size import CommonSize, Factors, as_read, rescaled
from unet_lightning.prediction.ensemble import Ensemble
from unet_lightning.prediction.fold import fold_batch_norm
from unet_lightning.prediction.value_range import RangeCheck, SeenValues
from unet_lightning.reading.pixel_size import PixelSize
from unet_lightning.runtime.device import choose_device, choose_precision
from unet_lightning.tiling.grid import GRIDS, Grid, Tile
from unet_lightning.tiling.predict import Pieces, TileScorer, mean, predict_tiles
from unet_lightning.tiling.resample import new_shape, resampled
from unet_lightning.tiling.window import sides_of, window

log = logging.getLogger(__name__)
TINY = torch.finfo(torch.float32).tiny
MOST_TILES = 16  # at once on a GPU


class Predictor:
    """Class scores of images as they are read from files, (H, W, C), of any size; arrays of one channel may be (H, W).

    models: configuration by configuration, as many of each as `folds` says, by default one configuration. Those of a
    configuration are averaged by their probabilities or logits, the configurations by their probabilities, as nnU-Net
    does. config: plain, of the first model with overrides composed over it; its average, tile, tiling, tta,
    postprocess, temperature, trainer.accelerator and trainer.precision count. ensemble: the file of the models, if any.
    """

    def __init__(
        self,
        models: Sequence[TrainedModel],
        config: Mapping[str, Any],
        ensemble: Ensemble | None = None,
        folds: Sequence[int] | None = None,
    ) -> None:
        self.models, self.config, self.ensemble = list(models), config, ensemble
        self.folds = tuple(folds or (len(self.models),))
        self.of_probabilities = len(self.models) > 1 and config["average"] == "probabilities"
        self.apart = 1 if self.of_probabilities else len(self.folds)  # configurations that tiles keep apart
        self.averages_probabilities = self.of_probabilities or self.apart > 1
        self.classes, self.channels, self.target = models[0].classes, models[0].channels, models[0].target
        self.outputs = self.target.outputs(len(self.classes))
        self.colors = tuple((r, g, b) for r, g, b in models[0].identity["colors"])
        self.postprocess: Objects = instantiate(config["postprocess"])
        self.tta = instantiate(config["tta"])
        self.device = choose_device(config["trainer"]["accelerator"])
        wanted = config["trainer"]["precision"]
        self.precision = choose_precision(wanted, self.device.type, models[0].network)
        self.tile: Tile = config["tile"] if isinstance(config["tile"], int) else sides_of(config["tile"])
        self.batch, self.fitted = 1, False
        self.common_size = CommonSize(models[0].identity["config"]["data"])
        self.range_checks = [RangeCheck(model.identity["statistics"]) for model in models]
        for model in models:
            fold_batch_norm(model.network)
            model.network.to(self.device, memory_format=torch.channels_last)

    @property
    def home(self) -> Path:
        """The folder of the run, or that of the ensemble.json."""
        return self.ensemble.path.parent if self.ensemble else self.models[0].path.parent.parent

    def pieces(self, image: Any, scale: Factors | None = None) -> Pieces:
        """What the network says of an image (H, W, C), in pieces that cover it: ((top, left, bottom, right), (L, h, w)
        float32 logits), each; `target` turns them into those of classes and into ids.

        image: an array, masked where pixels have no data, or whatever has a shape and is read by slices. scale: what
        height and width are multiplied by for the network, the side of a pixel over `data.resample`; the logits return
        on the grid of the image. Of several views, and of an ensemble unless logits are averaged, they are the
        logarithm of mean probabilities. Where a GPU's memory doesn't suffice the pieces come again, smaller.
        InputError where they aren't finite; a warning, once of a kind, where the image isn't such as training saw, and
        where training resampled and no scale is given.
        """
        self.common_size.check(scale)
        image = as_read(image)
        if scale is None or new_shape(image.shape, scale) == image.shape[:2]:
            yield from self._pieces(image)
            return
        small, shape = rescaled(image, scale), (image.shape[0], image.shape[1])
        outputs = self._whole(self._pieces(small), small.shape).permute(1, 2, 0).numpy()
        yield (0, 0, *shape), torch.from_numpy(resampled(outputs, shape)).permute(2, 0, 1)

    def _pieces(self, image: Any) -> Pieces:
        """`pieces` of an image (H, W, C) as training read it."""
        if len(image.shape) != 3 or image.shape[2] != self.channels:
            changed = {self.channels, image.shape[-1]} == {1, 3}
            remedy = (
                f"set data.channels={self.channels}"
                if changed
                else f"give images of {counted(self.channels, 'channel')}"
            )
            came = f"image of shape {tuple(image.shape)}"
            raise InputError(f"{came}; expected (H, W, {self.channels}) as in training; {remedy}")
        seen = SeenValues()
        while True:
            try:
                self._fit_memory()
                grid = self._grid((image.shape[0], image.shape[1]))
                scorers = [self._scorer(model, image, grid, seen) for model in self.models]
                for box, piece in predict_tiles(scorers, grid, self.batch, self._average):
                    if not piece.isfinite().all():
                        raise InputError(
                            "the network's output is NaN or infinite; set trainer.precision=32-true, or train it again"
                        )
                    yield box, self._finished(piece).cpu()
                for check in self.range_checks:
                    check.warn(seen)
                return
            except torch.OutOfMemoryError:
                self._shrink()

    def working_bytes(self, maps: int) -> int:
        """About the bytes that tiles need in the largest network: `maps` float32 feature maps of its finest level."""
        sizes = [model.network.features * math.prod(self._input(model)) for model in self.models]
        return self.batch * maps * 4 * int(max(sizes))

    def strip_bytes(self, shape: tuple[int, int]) -> int:
        """Bytes that the sums of overlapping tiles need in an image (H, W), their mean included; 0 of exact tiles."""
        grid = self._grid(shape)
        floats = (self.outputs * self.apart + 1) * grid.sides[0] * shape[1]
        return 0 if grid.weights is None else 2 * 4 * floats

    def logits(self, image: NDArray[Any], scale: Factors | None = None) -> Tensor:
        """(H, W, C) to `class_logits` (K, H, W) float32. scale: as of `pieces`."""
        return self.class_logits(self.all_outputs(image, scale))

    def class_logits(self, outputs: Tensor) -> Tensor:
        """Outputs (L, h, w) to logits of classes (K, h, w) over the temperature; their softmax is the probabilities."""
        return self.target.scores(outputs) / float(self.config["temperature"])

    def all_outputs(self, image: NDArray[Any], scale: Factors | None = None) -> Tensor:
        """(H, W, C) to what the network says, (L, H, W) float32. scale: as of `pieces`."""
        return self._whole(self.pieces(image, scale), image.shape)

    def _whole(self, pieces: Pieces, shape: Sequence[int]) -> Tensor:
        """Pieces of an image of a shape (H, W, …) put together, (L, H, W)."""
        outputs = torch.empty(self.outputs, *shape[:2])
        for (top, left, bottom, right), piece in pieces:
            outputs[:, top:bottom, left:right] = piece
        return outputs

    def predict(self, image: NDArray[Any], scale: Factors | None = None) -> NDArray[np.uint8]:
        """(H, W, C) to (H, W) class ids, before any post-processing. scale: as of `pieces`."""
        return self.postprocess.class_ids(self.ids(image, scale))

    def ids(self, image: NDArray[Any], scale: Factors | None = None) -> NDArray[np.uint8]:
        """(H, W, C) to ids (H, W) uint8 for the post-processing: class ids, or what the target adds to them."""
        ids = np.empty(image.shape[:2], np.uint8)
        for (top, left, bottom, right), piece in self.pieces(image, scale):
            ids[top:bottom, left:right] = self.target.ids(piece).numpy()
        return ids

    def scale_of(self, size: PixelSize | None) -> Factors | None:
        """The scale of images with pixels of that size, as of `CommonSize`."""
        return self.common_size.scale_of(size)

    def _grid(self, shape: tuple[int, int]) -> Grid:
        return GRIDS[self.config["tiling"]](shape, [model.network.geometry for model in self.models], self.tile)

    def _scorer(self, model: TrainedModel, image: Any, grid: Grid, seen: SeenValues) -> TileScorer:
        affine, image = model.normalize(image), np.ma.getdata(image) if isinstance(image, np.ndarray) else image

        def read(top: int, left: int, height: int, width: int) -> Tensor:
            part = seen.look(window(image, top, left, height, width))
            if isinstance(part, np.ma.MaskedArray):  # read by slices: without data is what normalises to 0
                part = np.where(np.ma.getmaskarray(part), affine[0], part.data)
            return model.normalize_window(part, affine)

        return TileScorer(model.network.geometry, read, partial(self._score, model, grid))

    def _score(self, model: TrainedModel, grid: Grid, images: Tensor) -> Tensor:
        half = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}.get(self.precision)
        images = images.to(self.device, memory_format=torch.channels_last, non_blocking=True)
        with torch.autocast(self.device.type, half or torch.bfloat16, enabled=half is not None):
            logits: Tensor = self.tta(model.network.interior if grid.context else model.network, images)
        return logits.float().softmax(1) if self.of_probabilities else logits

    def _average(self, scores: Iterator[Tensor]) -> Tensor:
        """Scores (B, K, h, w) of all models, averaged over the folds of each configuration.

        Probabilities are averaged over the configurations, too; logits of several remain one after the other, (B,
        apart * K, h, w), as their softmax is taken after tiles are averaged.
        """
        parts = (mean(islice(scores, number)) for number in self.folds)
        return mean(parts) if self.apart == 1 else torch.cat(list(parts), 1)

    def _finished(self, piece: Tensor) -> Tensor:
        """Averaged scores (apart * K, h, w) to logits, or to the logarithm of mean probabilities, (K, h, w)."""
        if self.apart > 1:
            piece = torch.stack(piece.chunk(self.apart)).softmax(1).mean(0)
        return piece.clamp_min(TINY).log() if self.averages_probabilities else piece

    def _fit_memory(self) -> None:
        """Before the first image on a GPU: choose the number of tiles at once by the memory that one tile needs."""
        if self.device.type != "cuda" or self.fitted:
            return
        free, _ = torch.cuda.mem_get_info(self.device)
        grid, most = self._grid(sides_of(self.tile)), 1
        for model in self.models:
            torch.cuda.reset_peak_memory_stats(self.device)
            before = torch.cuda.memory_allocated(self.device)
            with torch.inference_mode():
                self._score(model, grid, torch.zeros(1, self.channels, *self._input(model)))
            most = max(most, torch.cuda.max_memory_allocated(self.device) - before)
        self.batch, self.fitted = max(1, min(MOST_TILES, int(0.8 * free / most))), True

    def _input(self, model: TrainedModel) -> tuple[int, int]:
        """Height and width of a tile's input, in pixels."""
        return self._grid(sides_of(self.tile)).input_sides(model.network.geometry)

    def _shrink(self) -> None:
        """Half the batch, or of one tile half its side; InputError when that is as small as it can be."""
        smallest = max(model.network.geometry.multiple for model in self.models)
        if self.batch > 1:
            self.batch //= 2
        elif self.config["tiling"] == "overlap" and min(sides_of(self.tile)) >= 2 * smallest:
            height, width = sides_of(self.tile)
            self.tile = height // 2 if height == width else (height // 2, width // 2)
        else:
            raise InputError(
                f"{self.device} has no memory for a tile of {self.tile} pixels; set trainer.accelerator=cpu"
            ) from None
        log.warning(f"out of memory on {self.device}: going on with tile={self.tile}, {self.batch} at once")
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
