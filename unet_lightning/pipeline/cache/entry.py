"""The cached data of a record: its sample, and measurements on the whole sample."""

import hashlib
import zlib
from dataclasses import dataclass, fields
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from unet_lightning.pipeline.near_copies import thumbnail
from unet_lightning.sample import Sample

PLACES = 4096


@dataclass(frozen=True)
class Summary:
    """The measurements of one record from which the statistics are computed.

    shape: (H, W, C) and dtype of the image. pixels: their number, without those that hold no data. content: a hash of
    all of them. label: checksums of its mask, of what is valid, and of its instances. counts: (K,) counting pixels of
    each class.
    moments: (4, C) mean, std, 1st and 99th percentile of each channel. areas: (N,) pixels of each instance, or
    of each connected piece of foreground. thumbnail: (32, 32), by which near copies are found. value_range: (2,)
    smallest and largest value of the image.
    """

    shape: tuple[int, ...]
    pixels: int
    dtype: str
    content: bytes
    label: bytes
    counts: NDArray[np.int64]
    moments: NDArray[np.float64]
    areas: NDArray[np.int64]
    thumbnail: NDArray[np.float16]
    value_range: NDArray[np.float64]


@dataclass(frozen=True)
class Entry:
    """A record's sample and measurements, all as arrays, so that memory and disk can hold it in the same way.

    image, mask, valid, instances, nodata as in a sample. content, label, counts, moments, areas, thumbnail as in a
    summary.
    value_range: (2,) smallest and largest value of the image. places: flat positions of the pixels of class 1, then of
    class 2 and so on, of each class an even selection of a few thousand; ends: (K - 1,) where each class ends in it.
    """

    image: NDArray[Any]
    mask: NDArray[np.uint8]
    valid: NDArray[np.bool_]
    content: NDArray[np.uint8]
    label: NDArray[np.uint32]
    counts: NDArray[np.int64]
    moments: NDArray[np.float64]
    areas: NDArray[np.int64]
    thumbnail: NDArray[np.float16]
    value_range: NDArray[np.float64]
    places: NDArray[np.int64]
    ends: NDArray[np.int64]
    instances: NDArray[np.int32] | None = None
    nodata: NDArray[np.bool_] | None = None

    @property
    def sample(self) -> Sample:
        """The record's sample."""
        return Sample(self.image, self.mask, self.valid, self.instances, self.nodata)

    @property
    def summary(self) -> Summary:
        """Small copies: nothing in it holds on to memory or to a file."""
        pixels = self.mask.size - (0 if self.nodata is None else int(self.nodata.sum()))
        return Summary(
            self.image.shape,
            pixels,
            self.image.dtype.name,
            self.content.tobytes(),
            self.label.tobytes(),
            counts=self.counts.copy(),
            moments=self.moments.copy(),
            areas=self.areas.copy(),
            thumbnail=self.thumbnail.copy(),
            value_range=self.value_range.copy(),
        )

    @property
    def foreground(self) -> list[NDArray[np.int64]]:
        """Flat positions of the pixels of each class but 0 that occurs."""
        return [places for places in np.split(self.places, self.ends[:-1]) if len(places)]

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """Its arrays by name."""
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: array for name, array in named.items() if array is not None}

    @property
    def nbytes(self) -> int:
        """Bytes its arrays take."""
        return sum(array.nbytes for array in self.arrays.values())


def measure(sample: Sample, classes: int) -> Entry:
    """Measure a sample."""
    image = sample.image
    pixels, few = image, image[::2, ::2]
    if sample.nodata is not None:
        pixels = few = image[~sample.nodata][:, None]
    mean, std = (f(axis=(0, 1), dtype=np.float64) for f in (pixels.mean, pixels.std))
    percentiles = np.percentile(few, (1, 99), axis=(0, 1))
    labels = np.where(sample.valid, sample.mask, 0).ravel()
    places = (np.flatnonzero(labels == k) for k in range(1, classes))
    thinned = [found[:: max(1, -(-len(found) // PLACES))] for found in places]
    return Entry(
        image,
        sample.mask,
        sample.valid,
        content=_content(image),
        label=_label(sample),
        counts=np.bincount(sample.mask[sample.valid], minlength=classes),
        moments=np.stack([mean, std, *percentiles]),
        areas=areas(sample),
        thumbnail=thumbnail(image),
        value_range=np.array([image.min(), image.max()], np.float64),
        places=np.concatenate(thinned),
        ends=np.cumsum([len(places) for places in thinned]),
        instances=sample.instances,
        nodata=sample.nodata,
    )


def areas(sample: Sample) -> NDArray[np.int64]:
    """(N,) pixels of each instance, or of each connected component of the foreground."""
    if sample.instances is not None:
        counts = np.bincount(sample.instances.ravel())[1:]
        return counts[counts > 0]
    found = cv2.connectedComponentsWithStats((sample.mask > 0).astype(np.uint8))[2]
    return found[1:, cv2.CC_STAT_AREA].astype(np.int64)


def _content(image: NDArray[Any]) -> NDArray[np.uint8]:
    """(16,) uint8, a hash of pixels, shape and dtype."""
    digest = hashlib.blake2b(repr((image.shape, image.dtype.str)).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(image).data)
    return np.frombuffer(digest.digest(), np.uint8)


def _label(sample: Sample) -> NDArray[np.uint32]:
    """(3,) checksums that differ where mask, validity or instances do; 0 for instances that are absent."""
    parts = (sample.mask, sample.valid, sample.instances)
    sums = [0 if part is None else zlib.crc32(np.ascontiguousarray(part).data) for part in parts]
    return np.array(sums, np.uint32)
