"""The schema of conf/train.yaml: types and ranges, no values."""

from dataclasses import dataclass, fields
from enum import Enum
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Len
from hydra.core.config_store import ConfigStore
from omegaconf import MISSING

Positive = Annotated[int, Ge(1), Le(2**20)]
Side = Annotated[int, Ge(1), Le(2**14)]  # pixels of what is held in memory many times
Width = Annotated[int, Ge(0), Le(2**10)]  # pixels; work and memory grow with its square
Length = Annotated[float, Gt(0), Le(10**9)]  # of a pixel, in um or mm
HOTTEST = 1000.0  # temperature of probabilities
Processes = Annotated[int, Ge(0), Le(2**10)]


class Retry(Enum):
    """Which trials of an earlier start are run once more."""

    none = "none"
    failed = "failed"


@dataclass
class Config:
    """Types and no values; the values are in conf/train.yaml."""

    run: str | None = MISSING
    resume: str = MISSING
    seed: int = MISSING
    init: str | None = MISSING
    init_lr: float = MISSING
    freeze: Any = MISSING
    tile: Any = MISSING
    tiling: str = MISSING
    compile: Any = MISSING
    ema: float = MISSING
    tune: Any = MISSING
    tags: list[str] = MISSING
    plan: Any = MISSING
    data: Any = MISSING
    normalize: Any = MISSING
    weight: Any = MISSING
    augment: Any = MISSING
    target: Any = MISSING
    model: Any = MISSING
    upsample: Any = MISSING
    fusion: Any = MISSING
    loss: Any = MISSING
    postprocess: Any = MISSING
    tta: Any = MISSING
    optimizer: Any = MISSING
    schedule: Any = MISSING
    trainer: Any = MISSING
    logger: Any = MISSING
    launch: Any = MISSING
    search: Any = MISSING
    retry: Retry = MISSING


@dataclass(frozen=True)
class Sampling:
    """Which crops an epoch of training has.

    crop: side of the labelled crop in pixels, or its height and width; the image around it is read with the network's
    margin. crops_per_image: number of crops per training image and epoch. steps: None, or batches of an epoch, whose
    images are drawn with replacement. min_steps: batches that an epoch has at least, where `steps` is None. foreground:
    share of crops placed on an object. foreground_by: whether each crop is by chance, or a fixed number in each batch.
    ridge: pixels of background cut from each of two touching objects in the target. batch_size: crops of a step, in all
    processes together.
    """

    crop: Side | Annotated[list[Side], Len(2, 2)]
    crops_per_image: Positive
    steps: Positive | None
    min_steps: Positive
    foreground: Annotated[float, Ge(0), Le(1)]
    foreground_by: Literal["crop", "batch"]
    ridge: Width
    batch_size: Annotated[int, Ge(1), Le(2**16)]


@dataclass(frozen=True)
class Loading:
    """How records are read: by `num_workers` processes, kept in memory up to `cache_gb` GiB, else in `cache_dir`.

    augment_on: whether these processes resample and change the images of crops, or the device that trains.
    """

    num_workers: Processes
    cache_gb: Annotated[float, Ge(0), Le(2**20)]
    cache_dir: str | None
    augment_on: Literal["loader", "device"] = "loader"


@dataclass(frozen=True)
class Scale:
    """How large a pixel is, height and width in `unit`, None where files say it; and what images are resampled to."""

    pixel_size: Length | Annotated[list[Length], Len(2, 2)] | None
    unit: Literal["um", "mm"]
    resample: Length | None


@dataclass(frozen=True)
class Machine:
    """Where a checkpoint predicts, and in which precision."""

    accelerator: Literal["auto", "cpu", "gpu", "cuda", "mps"]
    precision: Literal["auto", "32-true", "bf16-mixed", "16-mixed"]


@dataclass(frozen=True)
class Reading:
    """How `predict` reads an input: into how many channels, what its axes are, and how large a pixel is."""

    channels: Literal[1, 3] | None
    axes: str | None
    pixel_size: Length | Annotated[list[Length], Len(2, 2)] | None
    unit: Literal["um", "mm"]


@dataclass(frozen=True)
class Probabilities:
    """What of several checkpoints is averaged, and what logits are divided by before they become probabilities."""

    average: Literal["probabilities", "logits"]
    temperature: Annotated[float, Gt(0), Le(HOTTEST)]


@dataclass(frozen=True)
class Scoring:
    """What `evaluate` adds: which split, the tolerance of borders in pixels, bootstrap samples, pictures shown."""

    split: Literal["test", "val"]
    tolerance: Annotated[float, Ge(0), Le(2**10)]
    resamples: Annotated[int, Ge(100), Le(10**6)]
    worst: Annotated[int, Ge(0), Le(2**10)]


def register() -> None:
    """Make the schema known to Hydra under the name conf/train.yaml refers to."""
    ConfigStore.instance().store(name="schema", node=Config)


def fields_of(part: type) -> tuple[str, ...]:
    """The names of a dataclass's fields."""
    return tuple(field.name for field in fields(part))
