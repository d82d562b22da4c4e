"""What a record becomes: arrays as they were read, and the one check that names what is wrong with them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_lightning.error import InputError


@dataclass(frozen=True)
class Sample:
    """One image and its label, native, before anything was done to it.

    image: (H, W, C) of the file's dtype, C >= 1, colour in RGB order, alpha dropped.
    mask: (H, W) uint8 class ids. valid: (H, W) bool, false where the label is to be ignored.
    instances: (H, W) int32, 0 is background and k is object k; None where a set has classes only.
    """

    image: NDArray[Any]
    mask: NDArray[np.uint8]
    valid: NDArray[np.bool_]
    instances: NDArray[np.int32] | None = None

    @property
    def nbytes(self) -> int:
        """Bytes its arrays take in memory."""
        arrays = (self.image, self.mask, self.valid, self.instances)
        return sum(array.nbytes for array in arrays if array is not None)


def to_sample(
    image: NDArray[Any],
    classes: int,
    mask: NDArray[Any] | None = None,
    instances: NDArray[Any] | None = None,
    ignore: int | None = None,
    label_values: dict[int, int] | None = None,
) -> Sample:
    """Build a sample from the arrays of the files, or raise an InputError that says what is wrong.

    A mask comes as stored values, which `label_values` maps to class ids where given; `ignore` is a stored value that
    counts nowhere. Of a data set with instances alone, every object is class 1.
    """
    label = instances if mask is None else mask
    if label is None:
        raise InputError("neither a mask nor instances; expected one label for every image")
    for name, array in (("mask", mask), ("instances", instances)):
        if array is not None and array.shape != image.shape[:2]:
            raise InputError(f"{name} is {_size(array)}, its image is {_size(image)}; expected equal sizes")
    if not np.issubdtype(label.dtype, np.integer) and (label != np.round(label)).any():
        raise InputError(f"label holds fractions like {label[label != np.round(label)][0]:.4g}; expected whole numbers")
    if mask is None:
        valid = np.ones(label.shape, bool) if ignore is None else label != ignore
        ids = ((label > 0) & valid).astype(np.uint8)
    else:
        ids, valid = class_ids(mask, classes, ignore, label_values)
    objects = None if instances is None else np.where(valid, instances, 0).astype(np.int32)
    return Sample(image, ids, valid, objects)


def class_ids(
    stored: NDArray[Any], classes: int, ignore: int | None, label_values: dict[int, int] | None
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Stored label values to class ids (uint8) and a valid map (bool); InputError for values outside the classes."""
    values, inverse = np.unique(stored, return_inverse=True)
    mapping = {k: k for k in range(classes)} if label_values is None else label_values
    if not set(mapping.values()) <= set(range(classes)):
        raise InputError(f"data.label_values={label_values} names ids beyond the classes 0..{classes - 1}; correct it")
    unknown = [int(v) for v in values if int(v) not in mapping and int(v) != ignore]
    if unknown:
        raise InputError(_outside(values, unknown, classes, label_values))
    ids = np.array([mapping.get(int(v), 0) for v in values], np.uint8)
    valid = np.array([int(v) != ignore for v in values], bool)
    return ids[inverse].reshape(stored.shape), valid[inverse].reshape(stored.shape)


def _outside(values: NDArray[Any], unknown: list[int], classes: int, given: dict[int, int] | None) -> str:
    shown = ", ".join(str(int(v)) for v in values[:8]) + (", …" if len(values) > 8 else "")
    expected = f"class ids 0..{classes - 1}" if given is None else f"the keys of data.label_values {sorted(given)}"
    if len(values) == classes and given is None:
        mend = ",".join(f"{int(v)}:{k}" for k, v in enumerate(values))
        remedy = f"set 'data.label_values={{{mend}}}'"
    elif unknown == [255]:
        remedy = "set data.ignore=255 if 255 means unlabelled"
    else:
        remedy = "name all classes in data.classes, or map the values by data.label_values"
    return f"mask holds values {{{shown}}}; expected {expected}; {remedy}"


def _size(array: NDArray[Any]) -> str:
    return "x".join(str(n) for n in array.shape[:2])
