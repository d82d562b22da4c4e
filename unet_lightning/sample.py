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
    nodata: (H, W) bool, true where the image holds no data but the mean of the rest, and nothing is valid; None where
    all of it is data. scale: by which a predictor resamples height and width, where the pixels of training had another
    size; None where it doesn't.
    """

    image: NDArray[Any]
    mask: NDArray[np.uint8]
    valid: NDArray[np.bool_]
    instances: NDArray[np.int32] | None = None
    nodata: NDArray[np.bool_] | None = None
    scale: tuple[float, float] | None = None

    @property
    def data(self) -> NDArray[Any]:
        """The image, as a masked array where pixels have no data: what is normalised."""
        if self.nodata is None:
            return self.image
        return np.ma.masked_array(self.image, np.broadcast_to(self.nodata[..., None], self.image.shape))

    @property
    def nbytes(self) -> int:
        """Bytes its arrays take in memory."""
        arrays = (self.image, self.mask, self.valid, self.instances, self.nodata)
        return sum(array.nbytes for array in arrays if array is not None)


def to_sample(
    image: NDArray[Any],
    encoding: LabelEncoding,
    mask: NDArray[Any] | None = None,
    instances: NDArray[Any] | None = None,
) -> Sample:
    """Build a sample from the arrays of the files, or raise an InputError that says what is wrong.

    image: (H, W, C), a masked array where pixels have no data. mask: stored (H, W) values or (H, W, 3) colours, which
    `encoding` turns into class ids. Of a data set with instances alone, every object is class 1; the stored number
    `encoding.ignore` is then no object and counts nowhere. Pixels of a label
    that a masked array leaves out count nowhere.
    """
    nodata = None
    if isinstance(image, np.ma.MaskedArray):
        image, nodata = image.data, np.asarray(np.ma.getmaskarray(image).any(2))
    mask, unknown = _without_data(mask, encoding)
    instances, unnumbered = _objects(instances)
    unknown = unnumbered if mask is None else unknown
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
    ids, valid = ids * ~unknown, valid & ~unknown
    if nodata is not None:
        ids, valid = ids * ~nodata, valid & ~nodata
    return Sample(image, ids, valid, None if instances is None else renumbered(np.where(valid, instances, 0)), nodata)


def _without_data(
    mask: NDArray[Any] | None, encoding: LabelEncoding
) -> tuple[NDArray[Any] | None, NDArray[np.bool_] | np.bool_]:
    """A mask, and its pixels without data, (H, W): their number becomes one that the encoding knows.

    A number that means something to the encoding, such as 0 for background, is no such pixel, whatever the file says.
    """
    if not isinstance(mask, np.ma.MaskedArray):
        return mask, np.False_
    known = [*encoding.table, *([] if encoding.ignore is None else [encoding.ignore])]
    without = np.ma.getmaskarray(mask) & ~np.isin(mask.data, known)
    unknown = np.asarray(without if encoding.threshold is None else np.zeros_like(without))
    return np.where(unknown, np.int64(known[0]), mask.data), unknown


def _objects(instances: NDArray[Any] | None) -> tuple[NDArray[Any] | None, NDArray[np.bool_] | np.bool_]:
    """Object numbers, 0 where they have no data, and these pixels, (H, W). 0 is background, whatever the file says."""
    if not isinstance(instances, np.ma.MaskedArray):
        return instances, np.False_
    unknown = np.asarray(np.ma.getmaskarray(instances) & (instances.data != 0))
    return np.where(unknown, instances.dtype.type(0), instances.data), unknown


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
