"""Training crops and whole images."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from unet_lightning.pipeline.augment import Augment, middle
from unet_lightning.pipeline.entry import Entry
from unet_lightning.pipeline.ridge import cut_ridge
from unet_lightning.pipeline.store import Store
from unet_lightning.pipeline.stream import Stream, generator
from unet_lightning.record import Record
from unet_lightning.weight import Weight


def normalised(image: NDArray[Any], shift: NDArray[np.float32], scale: NDArray[np.float32]) -> Tensor:
    """(H, W, C) native to (C, H, W) float32."""
    array = (image.astype(np.float32) - shift) / scale
    return torch.from_numpy(np.ascontiguousarray(array.transpose(2, 0, 1)))


class Draws(Sampler[tuple[int, int, int]]):
    """The order of an epoch: (epoch, draw, record), a permutation that only seed and epoch decide.

    Of every `batch_size` draws each process gets its `share` (number of the process, number of processes), so that
    they train on the same batches together as one process alone. The last incomplete batch is left out unless it is
    the only one. `first`: the draw at which the next pass begins, once, after a run was interrupted.
    """

    def __init__(
        self, records: int, repeats: int, seed: int, batch_size: int = 1, share: tuple[int, int] = (0, 1)
    ) -> None:
        self.records, self.repeats, self.seed = records, repeats, seed
        self.used = records * repeats // batch_size * batch_size or records * repeats
        self.process, self.processes = share
        self.epoch = self.first = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before each epoch."""
        self.first = self.first if epoch == self.epoch else 0
        self.epoch = epoch

    def __len__(self) -> int:
        return self.used // self.processes

    def __iter__(self) -> Iterator[tuple[int, int, int]]:
        order = generator(Stream.ORDER, self.seed, self.epoch).permutation(self.records * self.repeats)
        first, self.first = self.first, 0
        for draw in range(first + self.process, self.used, self.processes):
            yield self.epoch, draw, int(order[draw]) % self.records


class Share(Sampler[int | None]):
    """The positions of the images that one of several processes scores. All get as many; None is no image."""

    def __init__(self, images: int, process: int, processes: int) -> None:
        self.images, self.places = images, range(process, -(-images // processes) * processes, processes)

    def __len__(self) -> int:
        return len(self.places)

    def __iter__(self) -> Iterator[int | None]:
        return (place if place < self.images else None for place in self.places)


class Batches(DataLoader[dict[str, Any]]):
    """A loader that can begin anywhere in an epoch: Lightning keeps its state in checkpoints.

    `between` is called between two batches of an epoch, when all of the first one is done and told.
    """

    given = 0  # batches of this epoch
    between: Callable[[], None] | None = None

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        self.given = self.sampler.first // self._draws() if isinstance(self.sampler, Draws) else 0
        for batch in super().__iter__():
            self.given += 1
            yield batch
            if self.between:
                self.between()

    def state_dict(self) -> dict[str, int]:
        """Where in which epoch it is."""
        return {"epoch": getattr(self.sampler, "epoch", 0), "batch": self.given}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Begin the next pass there."""
        if isinstance(self.sampler, Draws):
            self.given = state["batch"]
            self.sampler.epoch, self.sampler.first = state["epoch"], self.given * self._draws()

    def _draws(self) -> int:
        """In a batch of all processes."""
        assert isinstance(self.sampler, Draws)
        return (self.batch_size or 1) * self.sampler.processes


class Crops(Dataset[dict[str, Any]]):
    """Augmented training crops, each decided by (seed, epoch, draw) alone, in whatever process it is made.

    sizes: side of the crop s, margin of the network and width of the ridge, in pixels. Gives image
    (C, s + 2 margin, s + 2 margin) float32, mask (s, s) int64, weight (s, s) float32, 0 where the label is ignored or
    lies beyond the image.
    """

    def __init__(
        self,
        records: Sequence[Record],
        store: Store,
        transforms: tuple[Augment, Weight],
        sizes: tuple[int, int, int],
        foreground: float,
        seed: int,
    ) -> None:
        self.records, self.store, self.seed = list(records), store, seed
        self.augment, self.weight = transforms
        self.side, self.margin, self.ridge = sizes
        self.foreground = foreground

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, draw: tuple[int, int, int] | int) -> dict[str, Any]:
        """One crop; a bare number is a record, read as in epoch 0 (Lightning's `overfit_batches` asks so)."""
        epoch, number, position = (0, draw, draw) if isinstance(draw, int) else draw
        record = self.records[position]
        entry = self.store.entry(record)
        key = (self.seed, epoch, number)
        top, left = self._place(entry, generator(Stream.PLACE, *key))
        rim = max(self.margin, self.weight.reach)
        labels: list[NDArray[Any]] = [entry.mask, entry.valid.view(np.uint8)]
        if entry.instances is not None or self.weight.needs_objects:
            labels.append(self.store.objects(record))
        place = (top - self.margin, left - self.margin, self.side + 2 * self.margin)
        image, labels = self.augment(entry.image, labels, place, rim - self.margin, key)
        mask, weight = self._target([middle(label, rim - self.weight.reach) for label in labels], key)
        image = self.augment.grey(middle(image, rim - self.margin), (entry.span[0], entry.span[1]), key)
        return {
            "image": normalised(image, *self.store.affine(record)),
            "mask": torch.from_numpy(mask.astype(np.int64)),
            "weight": torch.from_numpy(weight),
            "id": record.id,
        }

    def _place(self, entry: Entry, random: np.random.Generator) -> tuple[int, int]:
        """Top left corner of a crop: anywhere, or for a share of the draws around a pixel of an evenly drawn class."""
        shape = entry.mask.shape
        room = [max(0, size - self.side) for size in shape]
        corner = [int(random.integers(r + 1)) for r in room]
        if random.uniform() < self.foreground:
            classes = entry.foreground
            if classes:
                pixels = classes[random.integers(len(classes))]
                pixel = np.unravel_index(pixels[random.integers(len(pixels))], shape)
                corner = [int(np.clip(p - self.side // 2, 0, r)) for p, r in zip(pixel, room, strict=True)]
        centred = [(size - self.side) // 2 if size < self.side else c for size, c in zip(shape, corner, strict=True)]
        return centred[0], centred[1]

    def _target(
        self, labels: Sequence[NDArray[Any]], key: tuple[int, int, int]
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Mask and weight of the crop, made from the augmented labels and their surroundings."""
        mask, valid, *instances, within = labels
        objects = instances[0] * within if instances else None  # mirrored copies are no objects
        if objects is not None:
            mask = cut_ridge(mask, objects, self.ridge)
            objects = np.where(mask > 0, objects, 0)  # what was cut is background to the weight too
        reach = self.weight.reach
        weight = self.weight(mask, objects, generator(Stream.WEIGHT, *key)) * (valid * within)
        return middle(mask, reach), np.ascontiguousarray(middle(weight, reach), np.float32)


class Images(Dataset[dict[str, Any]]):
    """Whole images: normalised (C, H, W) float32, mask (H, W) int64, valid (H, W) bool, instances (H, W) int32 or None,
    and the position in the split; None for None.
    """

    def __init__(self, records: Sequence[Record], store: Store) -> None:
        self.records, self.store = list(records), store

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int | None) -> Any:
        if index is None:  # the share of another process is larger by one
            return None
        record = self.records[index]
        sample = self.store[record]
        return {
            "image": normalised(sample.image, *self.store.affine(record)),
            "mask": torch.from_numpy(sample.mask.astype(np.int64)),
            "valid": torch.tensor(sample.valid),
            "instances": None if sample.instances is None else torch.tensor(sample.instances),
            "index": index,
            "id": record.id,
        }
