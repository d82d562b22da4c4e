"""The LightningDataModule: splits, one pass over all records, loaders."""

import logging
from dataclasses import replace
from typing import Any

import lightning as L
import torch
from torch.utils.data import DataLoader

from unet_lightning.augment.device import Unread, collate, read
from unet_lightning.config.schema import Loading, Sampling
from unet_lightning.error import InputError, shown
from unet_lightning.model.geometry import Geometry
from unet_lightning.model.strided_geometry import StridedGeometry
from unet_lightning.pipeline.cache.store import Store
from unet_lightning.pipeline.crops import CropDataset, CropSizes, Transforms
from unet_lightning.pipeline.foreground import Foreground
from unet_lightning.pipeline.images import ImageDataset
from unet_lightning.pipeline.inspect import inspect
from unet_lightning.pipeline.sampler import EpochSampler, ResumableLoader, UnpaddedDistributedSampler, crops_of_each
from unet_lightning.record import DataSet
from unet_lightning.runtime.distributed import this_process
from unet_lightning.tiling.window import sides_of

Loader = DataLoader[dict[str, Any]]
log = logging.getLogger(__name__)


class DataModule(L.LightningDataModule):
    """Loaders of training crops and of whole validation and test images.

    crop, margin: height and width of the crops and margin around them in pixels; `fit_geometry` adapts both to the
    network.
    """

    def __init__(
        self, dataset: DataSet, transforms: Transforms, sampling: Sampling, loading: Loading, seed: int
    ) -> None:
        super().__init__()
        self.dataset, self.sampling, self.seed = dataset, sampling, seed
        self.transforms = replace(transforms, on_device=loading.augment_on == "device")
        self.crop, self.margin = sides_of(sampling.crop), 0
        self.options: dict[str, Any] = {
            "num_workers": loading.num_workers,
            "persistent_workers": loading.num_workers > 0,
            "pin_memory": torch.cuda.is_available(),
        }
        self.train_loader: ResumableLoader | None = None  # of the training under way
        self.resume_position: dict[str, int] = {}  # where it begins in an interrupted epoch
        self.store = Store(dataset, transforms.normalize, loading.cache_gb, loading.cache_dir)
        self.statistics = inspect(self.store, loading.num_workers)
        self.store.share(self.statistics.channels)
        for part in (transforms.normalize, transforms.weight):
            part.fit(self.statistics.to_dict())

    @property
    def channels(self) -> int:
        """Of an image: what a network takes as `in_channels`."""
        return self.statistics.channels

    @property
    def outputs(self) -> int:
        """How many a network has that learns this set's target: what it takes as `classes`."""
        return self.transforms.target.outputs(len(self.dataset.classes))

    def setup(self, stage: str) -> None:
        """Called by Lightning before anything is loaded: take the geometry of the network that is about to be used."""
        network = getattr(self.trainer and self.trainer.lightning_module, "network", None)
        if network is not None:
            self.fit_geometry(network.geometry)

    def fit_geometry(self, geometry: Geometry | StridedGeometry) -> None:
        """Take the network's margin, and round the crop up to an output size of the network."""
        self.margin = geometry.margin
        asked, before = sides_of(self.sampling.crop), self.crop
        height, width = geometry.covering(asked)
        self.crop = height, width
        if self.crop not in (asked, before):
            said = f"the smallest output of this network that covers data.crop={shown(self.sampling.crop)}"
            log.info(f"crop      {height}x{width}, {said}")

    def state_dict(self) -> dict[str, int]:
        """The position in the epoch; Lightning saves it in checkpoints."""
        return self.train_loader.state_dict() if self.train_loader else {}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Resume at this position. (Lightning restores a loader itself only if nothing has asked its length before.)"""
        self.resume_position = state_dict

    def train_dataloader(self) -> Loader:
        """This process's share of the batches of crops; data.batch_size counts the crops of all processes."""
        records, options, process = self.dataset.split("train"), self.sampling, this_process()
        crops = crops_of_each(len(records), options)
        sampler = EpochSampler(len(records), crops, self.seed, options.batch_size, process, options.steps)
        if options.batch_size % process.count or sampler.used % process.count:
            raise InputError(
                f"data.batch_size={options.batch_size} and {sampler.used} crops an epoch can't be shared by "
                f"{process.count} processes; set data.batch_size to a multiple of {process.count} that is not above "
                "the crops an epoch"
            )
        sizes = CropSizes(self.crop, self.margin, options.ridge)
        batch = min(options.batch_size, sampler.used) if options.foreground_by == "batch" else None
        foreground = Foreground(options.foreground, batch)
        dataset = CropDataset(records, self.store, self.transforms, sizes, foreground, self.seed)
        size = options.batch_size // process.count
        join = collate if self.transforms.on_device else None
        self.train_loader = ResumableLoader(dataset, sampler=sampler, batch_size=size, collate_fn=join, **self.options)
        if self.resume_position:
            self.train_loader.load_state_dict(self.resume_position)
            self.resume_position = {}
        return self.train_loader

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """A batch on the device; images that the loader has left unread are read there."""
        if not isinstance(batch, dict) or not isinstance(batch["image"], Unread):
            return batch
        image = read(batch["image"], self.transforms.augment.intensity, self.transforms.normalize.masked)
        return batch | {"image": image}

    def val_dataloader(self) -> Loader:
        """Whole validation images, one at a time."""
        return self._images("val")

    def test_dataloader(self) -> Loader:
        """Whole test images, one at a time."""
        return self._images("test")

    def images(self, split: str) -> ImageDataset:
        """The whole images of a split, in its order."""
        return ImageDataset(self.dataset.split(split), self.store)

    def _images(self, split: str) -> Loader:
        images = self.images(split)
        sampler = UnpaddedDistributedSampler(len(images), this_process())
        return DataLoader(images, sampler=sampler, batch_size=None, **self.options)
