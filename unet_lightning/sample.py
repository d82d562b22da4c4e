"""The arrays that are read for a record, and the check that says what is wrong with them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_lightning.error import InputError
from unet_lightning.label import LabelEncoding

COUNTED = 1 << 20  # object numbers below this are renumbered by counting instead of sorting


@dataclass(frozen=True)
class Sample:
    """One image and its label as read from the files, before any resizing or normalisation.

    image: (H, W, C) of the file's dtype, C >= 1, colour in RGB order, alpha dropped.
    mask: (H, W) uint8 class ids. valid: (H, W) bool, false where the label is to be ignored.
    instances: (H, W) int32, 0 is background, 1, 2, … the objects; None where a set has classes only.
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
    encoding: LabelEncoding,
    mask: NDArray[Any] | None = None,
    instances: NDArray[Any] | None = None,
) -> Sample:
    """Build a sample from the arrays of the files, or raise an InputError that says what is wrong.

    mask: stored (H, W) values or (H, W, 3) colours, which `encoding` turns into class ids. Without a mask every object
    of `instances` (H, W) is class 1, and pixels with the stored number `encoding.ignore` are ignored.
    """
    label = instances if mask is None else mask
    if label is None:
        raise InputError("neither a mask nor instances; expected at least one of them for every image; add it")
    if instances is not None and instances.ndim != 2:
        raise InputError("instances are a colour picture; expected one object number per pixel; store one channel")
    for name, array in (("mask", mask), ("instances", instances)):
        if array is not None:
            check_whole(array, name)
        if array is not None and array.shape[:2] != image.shape[:2]:
            raise InputError(
                f"{name} is {_size(array)}, its image is {_size(image)}; expected equal sizes; give both the same size"
            )
    if not np.isfinite(image).all():
        raise InputError(
            f"image holds {int((~np.isfinite(image)).sum())} values that are NaN or infinite; replace them"
        )
    if mask is None:
        valid = np.ones(label.shape, bool) if encoding.ignore is None else label != encoding.ignore
        ids = ((label > 0) & valid).astype(np.uint8)
    else:
        ids, valid = encoding.decode(mask)
    return Sample(image, ids, valid, None if instances is None else renumbered(np.where(valid, instances, 0)))


def check_whole(label: NDArray[Any], name: str) -> None:
    """InputError unless a label array holds whole, finite numbers, and no negative ones if `name` is instances."""
    if not np.issubdtype(label.dtype, np.integer):
        strange = label[~np.isfinite(label) | (label != np.round(label))]
        if strange.size:
            raise InputError(f"{name} holds {strange[0]:.4g}; expected whole numbers; store them as integers")
    if name == "instances" and label.size and label.min() < 0:
        raise InputError(
            f"instances hold {label.min()}; expected 0 for background and 1, 2, … for objects; correct them"
        )


def renumbered(instances: NDArray[Any]) -> NDArray[np.int32]:
    """(H, W) object numbers of any size to consecutive numbers 0, 1, 2, … in the same order, (H, W)."""
    if instances.max(initial=0) < COUNTED:  # the same as below, without sorting
        occurs = np.bincount(instances.ravel().astype(np.int64), minlength=1) > 0
        occurs[0] = False
        return np.cumsum(occurs, dtype=np.int32)[instances.astype(np.int64)]
    consecutive = np.unique(np.append(0, instances), return_inverse=True)[1]
    return consecutive[1:].reshape(instances.shape).astype(np.int32)


def _size(array: NDArray[Any]) -> str:
    return "x".join(str(n) for n in array.shape[:2])
