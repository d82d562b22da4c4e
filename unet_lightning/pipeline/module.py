"""The LightningDataModule: splits, one look at all records, loaders."""

from functools import partial
from typing import Annotated, Any

import lightning as L
import torch
from annotated_types import Ge, Le
from torch.utils.data import DataLoader

from unet_lightning.normalize import Normalize
from unet_lightning.pipeline.augment import Augment
from unet_lightning.pipeline.dataset import Crops, Draws, Images
from unet_lightning.pipeline.inspect import inspect
from unet_lightning.pipeline.store import Store
from unet_lightning.record import DataSet
from unet_lightning.weight import Weight

Positive = Annotated[int, Ge(1)]


class DataModule(L.LightningDataModule):
    """Loaders of training crops and of whole validation and test images.

    crop: side of the labelled crop in pixels; the image around it is read with the network's margin.
    crops_per_image: how often an epoch draws from each training image. foreground: share of crops placed on an object.
    ridge: pixels of background cut from each of two touching objects in the target.
    """

    def __init__(
        self,
        dataset: DataSet,
        normalize: Normalize,
        transforms: tuple[Augment, Weight],
        seed: int,
        *,
        crop: Positive,
        crops_per_image: Positive,
        foreground: Annotated[float, Ge(0), Le(1)],
        ridge: Annotated[int, Ge(0)],
        batch_size: Positive,
        num_workers: Annotated[int, Ge(0)],
        cache_gb: Annotated[float, Ge(0)],
        cache_dir: str | None,
    ) -> None:
        super().__init__()
        self.dataset, self.transforms, self.seed = dataset, transforms, seed
        self.crop, self.crops_per_image, self.foreground, self.ridge = crop, crops_per_image, foreground, ridge
        self.batch_size, self.num_workers = batch_size, num_workers
        self.store = Store(dataset, normalize, cache_gb, cache_dir)
        self.margin = 0
        self.statistics = inspect(self.store, num_workers)
        self.store.share(self.statistics.channels)
        for part in (normalize, transforms[1]):
            part.fit(self.statistics.to_dict())

    def train_dataloader(self) -> DataLoader[dict[str, Any]]:
        """Batches of crops; the last incomplete one is left out unless it is the only one."""
        records = self.dataset.split("train")
        crops = Crops(
            records, self.store, self.transforms, (self.crop, self.margin, self.ridge), self.foreground, self.seed
        )
        draws = Draws(len(records), self.crops_per_image, self.seed)
        whole = len(draws) >= self.batch_size
        return self._loader(crops, sampler=draws, batch_size=self.batch_size, drop_last=whole)

    def val_dataloader(self) -> DataLoader[dict[str, Any]]:
        """Whole validation images, one at a time."""
        return self._images("val")

    def test_dataloader(self) -> DataLoader[dict[str, Any]]:
        """Whole test images, one at a time."""
        return self._images("test")

    def images(self, split: str) -> Images:
        """The whole images of a split, in its order."""
        return Images(self.dataset.split(split), self.store)

    def _images(self, split: str) -> DataLoader[dict[str, Any]]:
        return self._loader(self.images(split), batch_size=None)

    def _loader(self, dataset: Any, **options: Any) -> DataLoader[dict[str, Any]]:
        loader = partial(DataLoader, dataset, num_workers=self.num_workers, pin_memory=torch.cuda.is_available())
        return loader(persistent_workers=self.num_workers > 0, **options)
