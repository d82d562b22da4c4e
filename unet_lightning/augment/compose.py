"""Augmentation: the package's own warp, transforms of albumentations, and changes of normalised values.

All are seeded for each sample.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from math import ceil
from typing import Annotated, Any, Literal

import cv2
import numpy as np
from annotated_types import Ge
from numpy.typing import NDArray

from unet_lightning.augment.intensity import Intensity
from unet_lightning.augment.warp import Coordinates, Place, Region, coordinates, lies_inside, locate, sample_at
from unet_lightning.tiling.window import inside, window

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # else its import looks for a newer version on the internet

Arrays = list[NDArray[Any]]
Randomness = Callable[[str], np.random.Generator]  # "warp", "spatial", … to a generator for this step
CoordinateMap = Callable[[Region, int, np.random.Generator], Coordinates]


class Augment:
    """Transforms of an image and its labels together; labels are resampled by nearest neighbour.

    warp: mirroring, rotation, scaling and deformation as one map of coordinates; None reads crops unchanged.
    spatial: spatial transforms of albumentations by name, in their order. context: how far these read beyond the crop
    on each side, as a share of its longer side (rotation of a square by any angle: (sqrt(2) - 1) / 2 = 0.2072).
    photometric: transforms of albumentations that change the image only, whose values are scaled to [0, 1] for them.
    border: whether a normalised image is its `mirror` image beyond its edge, or `zero`; labels weigh nothing there.
    intensity: changes of normalised values by name, in their order.
    """

    def __init__(
        self,
        warp: CoordinateMap | None,
        spatial: Mapping[str, Any],
        context: Annotated[float, Ge(0)],
        photometric: Mapping[str, Any],
        border: Literal["mirror", "zero"],
        intensity: Mapping[str, Intensity],
    ) -> None:
        self.warp, self.context, self.border = warp, context, border
        self.intensity = list(intensity.values())
        self.spatial_transforms = compose(spatial) if spatial else None
        self.photometric_transforms = compose(photometric) if photometric else None

    def __call__(
        self, image: Any, labels: Sequence[Any], region: Region, rim: int, random: Randomness
    ) -> tuple[NDArray[Any], Arrays]:
        """Read a region with `rim` pixels around it from an image (H, W, C) and its labels (H, W), augmented.

        Each may be whatever has a shape, a dtype and is read by slices.

        With h = height + 2 rim and w = width + 2 rim: image (h, w, C) and labels (h, w). Beyond the edge of the image
        everything is mirrored; one more label is appended that is 1 inside the image and 0 beyond. random: the sample's
        random generators.
        """
        longer = max(region.height, region.width) + 2 * rim
        context = ceil(self.context * longer) if self.spatial_transforms else 0
        image, found = self._read(image, labels, region, rim + context, random)
        if self.spatial_transforms:
            seed(self.spatial_transforms, random("spatial"))
            result = self.spatial_transforms(image=image, masks=found)
            image, found = crop_rim(result["image"], context), [crop_rim(label, context) for label in result["masks"]]
        return image, found

    def apart(
        self, image: Any, labels: Sequence[Any], region: Region, rim: int, random: Randomness
    ) -> tuple[NDArray[Any], Arrays]:
        """As a call, with rows and columns (h, w, 2) at which the image is to be read in place of the image.

        For augmentation without transforms of albumentations, whose images the device resamples.
        """
        where, _, found = self._warped(image, labels, region, rim, random)
        return where.transpose(1, 2, 0), found

    def drawn(self, shape: tuple[int, ...], random: Randomness) -> list[tuple[int, Any]]:
        """The changes of values of a normalised image (C, h, w) by their number, with what was drawn for them."""
        if not self.intensity:
            return []
        own = random("intensity").spawn(len(self.intensity))
        found = [(k, part.drawn(shape, one)) for k, (part, one) in enumerate(zip(self.intensity, own, strict=True))]
        return [(k, drawn) for k, drawn in found if drawn is not None]

    def photometric(self, image: NDArray[Any], value_range: tuple[float, float], random: Randomness) -> NDArray[Any]:
        """Change grey values or colours of an image (H, W, C); `value_range` is scaled to [0, 1] and back."""
        if self.photometric_transforms is None:
            return image
        low, high = value_range
        scale = np.float32(max(high - low, 1e-6))
        unit = ((image.astype(np.float32) - np.float32(low)) / scale).clip(0, 1)
        seed(self.photometric_transforms, random("photometric"))
        changed: NDArray[Any] = self.photometric_transforms(image=unit)["image"] * scale + np.float32(low)
        return changed

    def on_normalized(
        self, image: NDArray[np.float32], inside: NDArray[np.uint8], random: Randomness
    ) -> NDArray[np.float32]:
        """Set a normalised image (C, h, w) to 0 beyond its edge if `border` says so, and change its values.

        inside: (h, w), 1 inside the image and 0 beyond.
        """
        if self.border == "zero":
            image = image * inside
        for number, drawn in self.drawn(image.shape, random):
            image = self.intensity[number].change(image, drawn)
        return image

    def _read(
        self, image: Any, labels: Sequence[Any], region: Region, rim: int, random: Randomness
    ) -> tuple[NDArray[Any], Arrays]:
        if self.warp is None:
            box = region.grown(rim)
            found = [window(label, *box) for label in labels]
            return window(image, *box), [*found, inside(*box, (image.shape[0], image.shape[1])).astype(np.uint8)]
        _, place, found = self._warped(image, labels, region, rim, random)
        return sample_at(image, place, cv2.INTER_LINEAR), found

    def _warped(
        self, image: Any, labels: Sequence[Any], region: Region, rim: int, random: Randomness
    ) -> tuple[Coordinates, Place, Arrays]:
        """Coordinates (2, h, w), their place, and what labels are there."""
        where = self.warp(region, rim, random("warp")) if self.warp else coordinates(region, rim, np.eye(2))
        place = locate(where)
        found = [sample_at(label, place, cv2.INTER_NEAREST) for label in labels]
        return where, place, [*found, lies_inside(where, (image.shape[0], image.shape[1]))]


def compose(transforms: Mapping[str, Any]) -> Any:
    """Transforms of albumentations as one `Compose`; albumentations is imported only here, when it is used."""
    import albumentations

    return albumentations.Compose(list(transforms.values()))


def seed(composed: Any, random: np.random.Generator) -> None:
    """Give every transform its own random numbers; `Compose.set_random_seed` would give all of them the same."""
    for transform in composed.transforms:
        transform.set_random_seed(int(random.integers(2**32)))


def crop_rim(array: NDArray[Any], rim: int) -> NDArray[Any]:
    """(H, W, …) to (H - 2 rim, W - 2 rim, …)."""
    return array[rim : array.shape[0] - rim, rim : array.shape[1] - rim]
