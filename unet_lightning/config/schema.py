"""The schema of conf/train.yaml: types and ranges, no values."""

from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any

from annotated_types import Ge, Le
from hydra.core.config_store import ConfigStore
from omegaconf import MISSING

Positive = Annotated[int, Ge(1)]
Count = Annotated[int, Ge(0)]


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
    tile: int = MISSING
    compile: bool = MISSING
    ema: float = MISSING
    tags: list[str] = MISSING
    data: Any = MISSING
    normalize: Any = MISSING
    weight: Any = MISSING
    augment: Any = MISSING
    model: Any = MISSING
    upsample: Any = MISSING
    fusion: Any = MISSING
    loss: Any = MISSING
    postprocess: Any = MISSING
    tta: Any = MISSING
    optimizer: Any = MISSING
    schedule: Any = MISSING
    trainer: Any = MISSING
    launch: Any = MISSING
    search: Any = MISSING
    retry: Retry = MISSING


@dataclass(frozen=True)
class Sampling:
    """Which crops an epoch of training has.

    crop: side of the labelled crop in pixels; the image around it is read with the network's margin.
    crops_per_image: number of crops per training image and epoch. foreground: share of crops placed on an object.
    ridge: pixels of background cut from each of two touching objects in the target. batch_size: crops of a step, in all
    processes together.
    """

    crop: Positive
    crops_per_image: Positive
    foreground: Annotated[float, Ge(0), Le(1)]
    ridge: Count
    batch_size: Positive


@dataclass(frozen=True)
class Loading:
    """How records are read: by `num_workers` processes, kept in memory up to `cache_gb` GiB, else in `cache_dir`."""

    num_workers: Count
    cache_gb: Annotated[float, Ge(0)]
    cache_dir: str | None


def register() -> None:
    """Make the schema known to Hydra under the name conf/train.yaml refers to."""
    ConfigStore.instance().store(name="schema", node=Config)
