"""Data modules made in Python: of a data set by its name, and of arrays."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from unet_lightning.augment.compose import Augment
from unet_lightning.config.check import SHARED, data_findings, first_of_each
from unet_lightning.config.instantiate import instantiate
from unet_lightning.config.part import Origin, configured, marked, node_of
from unet_lightning.data.arrays import Stack, checked, dataset_of, find, named_splits
from unet_lightning.error import InputError, counted
from unet_lightning.label import LabelEncoding
from unet_lightning.normalize.base import Normalize
from unet_lightning.pipeline.build import data_module_of
from unet_lightning.pipeline.common_size import with_common_size
from unet_lightning.pipeline.crops import Transforms
from unet_lightning.pipeline.data_module import DataModule
from unet_lightning.pipeline.find import divided, find_dataset
from unet_lightning.record import DataSet
from unet_lightning.target.base import Target
from unet_lightning.weight.base import Weight

OWN = {  # keys whose parts may be the user's own: the class to derive them from, and what is asked of them
    "weight": (Weight, ("reach", "needs_objects", "fit", "__call__")),
    "augment": (Augment, ("photometric", "on_normalized", "__call__")),
}
LABELS = ("classes", "ignore", "label_values", "threshold")  # what data=folder says of labels, and arrays need as well


def build_data(
    name: str | None = None,
    *,
    normalize: Normalize | None = None,
    augment: Augment | None = None,
    weight: Weight | None = None,
    target: Target | None = None,
    seed: int | None = None,
    **values: Any,
) -> DataModule:
    """The data module of a data set of `conf/data/`, every record read once; by default of the bundled nuclei.

    values: keys of `data`, those of the file (`root="/my/set"`) and of `conf/train.yaml`: `crop` in pixels,
    `batch_size`, `fold`, …. normalize, augment, weight, target: what `build_normalize` and the others return, by
    default the parts of `conf/train.yaml`; augment and weight may be your own, derived from `Augment` of
    `unet_lightning.augment.compose` and `Weight` of `unet_lightning.weight.base`. InputError with everything that is
    wrong with keys and records.
    """
    plain = _plain(name, values, seed)
    transforms = _transforms(plain, normalize, augment, weight, target)
    _check(plain)
    return _module(find_dataset(plain), transforms, plain)


def build_data_from_arrays(
    images: Stack,
    masks: Stack | None = None,
    *,
    instances: Stack | None = None,
    splits: Mapping[str, Sequence[int]] | None = None,
    groups: Sequence[object] | None = None,
    normalize: Normalize | None = None,
    augment: Augment | None = None,
    weight: Weight | None = None,
    target: Target | None = None,
    seed: int | None = None,
    **values: Any,
) -> DataModule:
    """The data module of arrays, each checked and measured once.

    images: (N, H, W) or (N, H, W, C), of any real type, or a list of N arrays (H, W) or (H, W, C) of any sizes. masks:
    (N, H, W) class ids, or a list likewise. instances: (N, H, W) object numbers, 0 is background; without masks every
    object is class 1. Pixels that masked arrays of any of the three leave out count nowhere. splits: places of the
    images of `train`, `val` and `test`; without val a fifth of train becomes it; None divides 60/20/20 by the seed.
    groups: of each image a name or number; images of one group (a patient, a plate) stay on one side. values: keys of
    `data` in `conf/train.yaml` (`crop` in pixels, `batch_size`, `fold`, …) and `classes`, `ignore`, `label_values`,
    `threshold` as in `conf/data/folder.yaml`. The others are as of `build_data`. InputError for shapes, types and
    lengths that don't fit, and for values in masks without a class.
    """
    plain = _plain("folder", values, seed)
    folder = plain["data"]
    kept = {key: folder[key] for key in folder if key in (*SHARED, *LABELS) or key in values}
    plain["data"] = {**kept, "_target_": f"{find.__module__}.{find.__name__}"}
    transforms = _transforms(plain, normalize, augment, weight, target)
    _check(plain)
    arrays = checked(images, masks, instances)
    number = len(arrays.images)
    encoding = LabelEncoding(len(kept["classes"]), kept["ignore"], kept["label_values"], threshold=kept["threshold"])
    named = ["" if group is None else group for group in groups] if groups is not None else [""] * number
    if len(named) != number:
        raise InputError(f"{number} images and {len(named)} groups; expected as many; give one for each image")
    places = named_splits(splits, number)
    dataset = dataset_of(arrays, encoding, kept["classes"], named, places)
    if splits is None and kept["fold"] is None:
        _check_number(dataset)
    return _module(divided(with_common_size(dataset, kept, resample=True), plain), transforms, plain)


def _plain(name: str | None, values: Mapping[str, Any], seed: int | None) -> dict[str, Any]:
    """The config of a data set and its values."""
    return configured({"data": name}, {"data": values} if seed is None else {"data": values, "seed": seed})


def _transforms(
    plain: dict[str, Any],
    normalize: Normalize | None,
    augment: Augment | None,
    weight: Weight | None,
    target: Target | None,
) -> Transforms:
    """The parts given, or the defaults; their nodes are put into the config."""
    given = {"normalize": normalize, "augment": augment, "weight": weight, "target": target}
    for key, part in given.items():
        if part is not None:
            plain[key] = node_of(part, key, own=key in OWN)
            _check_own(part, key)
    parts: dict[str, Any] = {  # copies, as weights and normalisations take numbers from the records
        key: instantiate(plain[key]) if part is None else deepcopy(part) for key, part in given.items()
    }
    return Transforms(**parts)


def _check_own(part: Any, key: str) -> None:
    """InputError for a weight or an augmentation that lacks what crops ask of it."""
    base, asked = OWN.get(key, (object, ()))
    lacking = [name for name in asked if not hasattr(part, name)]
    if lacking:
        came = f"{key} is a {type(part).__name__} without {', '.join(lacking)}"
        remedy = f"derive it from {base.__name__} of {base.__module__}"
        raise InputError(f"{came}; expected what crops ask of one; {remedy}")


def _check(plain: Mapping[str, Any]) -> None:
    found = data_findings(plain)
    if found:
        raise InputError("\n".join(first_of_each(found)))


def _check_number(dataset: DataSet) -> None:
    """InputError where there are too few images for three splits, in the words of this function's arguments."""
    number = len({record.group or record.id for record in dataset.records})
    if number < 3:
        many = f"{counted(number, 'image')}, those of a group counted once"
        raise InputError(f"{many}, can't be divided into train, val and test; give splits={{'train': […], 'val': […]}}")


def _module(dataset: DataSet, transforms: Transforms, plain: Mapping[str, Any]) -> DataModule:
    """The data module, which remembers the keys of the config it was made of."""
    module = data_module_of(dataset, transforms, plain)
    keys = ("data", "seed", "normalize", "augment", "weight", "target")
    return marked(module, Origin("data", {key: plain[key] for key in keys}, {}))
