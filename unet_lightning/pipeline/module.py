"""The LightningDataModule: splits, one look at all records, loaders."""

from typing import Annotated, Any

import lightning as L
import torch
from annotated_types import Ge, Le
from torch.utils.data import DataLoader

from unet_lightning.error import InputError
from unet_lightning.normalize import Normalize
from unet_lightning.pipeline.augment import Augment
from unet_lightning.pipeline.dataset import Batches, Crops, Draws, Images, Share
from unet_lightning.pipeline.inspect import inspect
from unet_lightning.pipeline.store import Store
from unet_lightning.processes import rank, world
from unet_lightning.record import DataSet
from unet_lightning.weight import Weight

Loader = DataLoader[dict[str, Any]]
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
        self.batch_size = batch_size
        self.options: dict[str, Any] = {"num_workers": num_workers, "persistent_workers": num_workers > 0}
        self.options["pin_memory"] = torch.cuda.is_available()
        self.batches: Batches | None = None  # of the training under way
        self.place: dict[str, int] = {}  # where it begins in an interrupted epoch
        self.store = Store(dataset, normalize, cache_gb, cache_dir)
        self.margin = 0
        self.statistics = inspect(self.store, num_workers)
        self.store.share(self.statistics.channels)
        for part in (normalize, transforms[1]):
            part.fit(self.statistics.to_dict())

    def state_dict(self) -> dict[str, int]:
        """Where the training is: Lightning keeps it in checkpoints."""
        return self.batches.state_dict() if self.batches else {}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Begin there. (Lightning would tell the loader itself, but not once a schedule has asked for its length.)"""
        self.place = state_dict

    def train_dataloader(self) -> Loader:
        """This process's share of the batches of crops; data.batch_size counts the crops of all processes."""
        records = self.dataset.split("train")
        crops = Crops(
            records, self.store, self.transforms, (self.crop, self.margin, self.ridge), self.foreground, self.seed
        )
        share = (rank(), world())
        draws = Draws(len(records), self.crops_per_image, self.seed, self.batch_size, share)
        if self.batch_size % world() or draws.used % world():
            raise InputError(
                f"data.batch_size={self.batch_size} and {draws.used} crops an epoch can't be shared by {world()} "
                f"processes; set data.batch_size to a multiple of {world()} that is not above the crops an epoch"
            )
        self.batches = Batches(crops, sampler=draws, batch_size=self.batch_size // world(), **self.options)
        if self.place:
            self.batches.load_state_dict(self.place)
            self.place = {}
        return self.batches

    def val_dataloader(self) -> Loader:
        """Whole validation images, one at a time."""
        return self._images("val")

    def test_dataloader(self) -> Loader:
        """Whole test images, one at a time."""
        return self._images("test")

    def images(self, split: str) -> Images:
        """The whole images of a split, in its order."""
        return Images(self.dataset.split(split), self.store)

    def _images(self, split: str) -> Loader:
        images = self.images(split)
        return DataLoader(images, sampler=Share(len(images), rank(), world()), batch_size=None, **self.options)
