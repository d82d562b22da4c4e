"""Build the data module of a plain config."""

from collections.abc import Mapping
from typing import Any

from unet_lightning.config.check import OPTIONS
from unet_lightning.config.instantiate import instantiate
from unet_lightning.config.schema import Loading, Sampling
from unet_lightning.pipeline.crops import Transforms
from unet_lightning.pipeline.data_module import DataModule
from unet_lightning.pipeline.find import find_dataset
from unet_lightning.record import DataSet

TRANSFORMS = ("normalize", "augment", "weight", "target")  # keys whose parts a data module has


def build_data_module(plain: Mapping[str, Any], before: Mapping[str, str] | None = None) -> DataModule:
    """The data module of a plain config, every record read once. InputError with everything that is wrong with them.

    before: the split of each id in a run that goes on.
    """
    parts = {key: instantiate(plain[key]) for key in TRANSFORMS}
    return data_module_of(find_dataset(plain, before), Transforms(**parts), plain)


def data_module_of(dataset: DataSet, transforms: Transforms, plain: Mapping[str, Any]) -> DataModule:
    """The data module of a data set with its splits; of the plain config the keys of `data` and the seed count."""
    sampling = Sampling(**{name: plain["data"][name] for name in OPTIONS[Sampling]})
    loading = Loading(**{name: plain["data"][name] for name in OPTIONS[Loading]})
    return DataModule(dataset, transforms, sampling, loading, plain["seed"])
