"""The samples of an epoch, their order, and their distribution over processes."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Sampler

from unet_lightning.config.schema import Sampling
from unet_lightning.pipeline.randomness import SampleKey
from unet_lightning.runtime.launch import Process


class Draw(NamedTuple):
    """Sample `number` of an epoch is a crop of the training record at `position`."""

    epoch: int
    number: int
    position: int


def crops_of_each(images: int, sampling: Sampling) -> int:
    """How many crops of each image an epoch has: `crops_per_image`, and of few images as many as fill `min_steps`
    batches.

    >>> crops_of_each(18, Sampling(128, 8, None, 20, 0.5, "crop", 1, 16))
    18
    """
    if max(1, images * sampling.crops_per_image // sampling.batch_size) >= sampling.min_steps:
        return sampling.crops_per_image
    return -(-sampling.min_steps * sampling.batch_size // images)


class EpochSampler(Sampler[Draw]):
    """The order of an epoch: every record `repeats` times, or records drawn with replacement for `steps` batches.

    Seed and epoch alone decide it. The samples of each batch are distributed over the processes, so that together they
    train on the same batches as a single process. An incomplete last batch is left out unless it is the only one.
    `first`: the sample at which the next pass begins, for one pass only, after an interruption.
    """

    def __init__(
        self,
        records: int,
        repeats: int,
        seed: int,
        batch_size: int = 1,
        process: Process | None = None,
        steps: int | None = None,
    ) -> None:
        self.records, self.repeats, self.seed, self.steps = records, repeats, seed, steps
        drawn = steps * batch_size if steps else records * repeats
        self.used = drawn // batch_size * batch_size or drawn
        self.process = process or Process()
        self.epoch = self.first = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before each epoch."""
        self.first = self.first if epoch == self.epoch else 0
        self.epoch = epoch

    def __len__(self) -> int:
        return self.used // self.process.count

    def __iter__(self) -> Iterator[Draw]:
        order = self._positions(SampleKey(self.seed, self.epoch).generator("order"))
        first, self.first = self.first, 0
        for number in range(first + self.process.rank, self.used, self.process.count):
            yield Draw(self.epoch, number, int(order[number]))

    def _positions(self, random: np.random.Generator) -> NDArray[np.int64]:
        """(N,) positions of the records, of which the first `used` make the epoch."""
        if self.steps:
            return random.integers(self.records, size=self.used)
        return random.permutation(self.records * self.repeats) % self.records


class UnpaddedDistributedSampler(Sampler[int | None]):
    """The positions of the images that one of several processes scores. All processes get the same number of items;
    None stands for no image.
    """

    def __init__(self, images: int, process: Process) -> None:
        self.images = images
        self.places = range(process.rank, -(-images // process.count) * process.count, process.count)

    def __len__(self) -> int:
        return len(self.places)

    def __iter__(self) -> Iterator[int | None]:
        return (place if place < self.images else None for place in self.places)


class ResumableLoader(DataLoader[dict[str, Any]]):
    """A loader that can begin at any batch of an epoch; Lightning saves its state in checkpoints.

    `between_batches` is called between two batches, after the training step on the first has been logged.
    """

    batches_done = 0  # batches of this epoch
    between_batches: Callable[[], None] | None = None

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        self.batches_done = self.sampler.first // self._samples() if isinstance(self.sampler, EpochSampler) else 0
        for batch in super().__iter__():
            self.batches_done += 1
            yield batch
            if self.between_batches:
                self.between_batches()

    def state_dict(self) -> dict[str, int]:
        """The epoch, and the number of batches done in it."""
        return {"epoch": getattr(self.sampler, "epoch", 0), "batch": self.batches_done}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Begin the next pass at this position."""
        if isinstance(self.sampler, EpochSampler):
            self.batches_done = state["batch"]
            self.sampler.epoch, self.sampler.first = state["epoch"], self.batches_done * self._samples()

    def _samples(self) -> int:
        """The samples in a batch of all processes."""
        assert isinstance(self.sampler, EpochSampler)
        return (self.batch_size or 1) * self.sampler.process.count
