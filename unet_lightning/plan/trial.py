"""A timed trial: how long steps and predictions take on this machine, for networks of several widths."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any, cast

import torch
from torch import Tensor

from unet_lightning.config.instantiate import instantiate
from unet_lightning.loss.deep_supervision import supervise
from unet_lightning.model.unet import UNet
from unet_lightning.pipeline.data_module import DataModule
from unet_lightning.runtime.device import choose_device, choose_precision
from unet_lightning.tiling.grid import GRIDS, Geometry
from unet_lightning.tiling.predict import predict_grid

TIMED = 3  # steps after a first one, which allocates
BF16 = "bf16-mixed"


@dataclass(frozen=True)
class Timing:
    """Seconds on this machine. width: base_channels. step: of a training step, its batch loaded beside it.
    image: of the prediction of a validation image.
    """

    width: int
    step: float
    image: float


def time_widths(
    plain: Mapping[str, Any],
    data: DataModule,
    sampling: Mapping[str, Any],
    widths: Sequence[int],
    enough: Callable[[Timing], bool],
) -> list[Timing]:
    """Time networks from narrow to wide, until one isn't fast enough.

    plain: the config, of whose network `base_channels` is replaced; one that was typed and has none is timed as it is.
    sampling: crop, a side or [height, width], and batch_size.
    """
    found: list[Timing] = []
    batch, loading = None, 0.0
    scalable = "base_channels" in plain["model"]
    for width in widths if scalable else widths[:1]:
        network = instantiate(
            plain["model"] | ({"base_channels": width} if scalable else {}),
            in_channels=data.statistics.channels,
            classes=len(data.dataset.classes),
        )
        if batch is None:
            batch, loading = load_batch(data, network, sampling, plain["data"]["num_workers"])
        trial = Trial(plain, network)
        step = max(trial.step(batch), loading) if trial.device.type == "cuda" else trial.step(batch) + loading
        found.append(Timing(width, step, trial.image(data, plain)))
        if not enough(found[-1]):
            break
    return found


def load_batch(
    data: DataModule, network: UNet, sampling: Mapping[str, Any], workers: int
) -> tuple[dict[str, Tensor], float]:
    """A batch of crops, and the seconds that one takes where `workers` processes load them."""
    data.sampling = replace(data.sampling, **sampling)
    crop = sampling["crop"]
    data.crop = (crop[0], crop[1]) if isinstance(crop, list) else (crop, crop)
    data.fit_geometry(network.geometry)
    data.options |= {"num_workers": 0, "persistent_workers": False}
    batches = iter(data.train_dataloader())
    batch = next(batches)
    began = perf_counter()
    batch = next(batches, batch)
    return batch, (perf_counter() - began) / max(1, workers)


class Trial:
    """A network that is trained and predicts for a moment; what it learns is thrown away."""

    def __init__(self, plain: Mapping[str, Any], network: UNet) -> None:
        machine = plain["trainer"]["accelerator"]
        self.device = choose_device(machine)
        precision = choose_precision(plain["trainer"]["precision"], machine, network)
        kind = torch.bfloat16 if precision == BF16 else torch.float16
        self.cast = torch.autocast(self.device.type, kind, enabled=precision.endswith("mixed"))
        self.network = network.to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.loss = instantiate(plain["loss"])
        self.optimizer = instantiate(plain["optimizer"])(network.parameters())

    def step(self, batch: Mapping[str, Tensor]) -> float:
        """Seconds of a training step, the median of a few."""
        image, mask, weight = (batch[key].to(self.device) for key in ("image", "mask", "weight"))
        self.network.train()
        seconds = []
        for _ in range(1 + TIMED):
            began = self._now()
            with self.cast:
                loss = supervise(self.loss, self.network.logits_by_level(image), mask, weight)
            self.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            seconds.append(self._now() - began)
        return sorted(seconds[1:])[TIMED // 2]

    def image(self, data: DataModule, plain: Mapping[str, Any]) -> float:
        """Seconds of the prediction of the validation image in the middle."""
        images = data.images("val")
        image = images[len(images) // 2]["image"].to(self.device)
        geometry = cast(Geometry, self.network.geometry)
        grid = GRIDS[plain["tiling"]]((image.shape[-2], image.shape[-1]), [geometry], plain["tile"])
        self.network.eval()
        began = self._now()
        with self.cast, torch.inference_mode():
            predict_grid(self.network, image, grid, views=instantiate(plain["tta"]))
        return self._now() - began

    def _now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        return perf_counter()
