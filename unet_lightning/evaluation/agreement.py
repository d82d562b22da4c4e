"""Predicted objects measured beside the labelled ones: tables of both, and how counts and sizes agree."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_lightning.metric.measure import in_units, measure, summarise, summary_in_units
from unet_lightning.metric.object_classes import kinds_of
from unet_lightning.metric.overlap import drop_ignored
from unet_lightning.page.bland_altman import bland_altman
from unet_lightning.page.number import format_number
from unet_lightning.page.table import Table
from unet_lightning.prediction.measurements import numbers_of
from unet_lightning.reading.pixel_size import PixelSize
from unet_lightning.sample import Sample, renumbered

LIMITS = 1.96  # standard deviations to both sides of the mean difference: 95 % of a normal distribution
SIDES = ("label", "prediction")
COMPARED = {"count": "objects in an image", "mean_area_px": "mean size of an image's objects, pixels"}


@dataclass
class Agreement:
    """What was measured so far: rows of objects and of images, those of the label before those of the prediction.

    names: of the classes, background first; with several foreground classes rows say them.
    """

    names: Sequence[str] = ()
    objects: list[dict[str, Any]] = field(default_factory=list)
    images: list[dict[str, Any]] = field(default_factory=list)

    def add(
        self,
        name: str,
        sample: Sample,
        predicted: NDArray[Any],
        foreground: NDArray[np.float32],
        size: PixelSize | None,
        classes: NDArray[np.uint8] | None = None,
    ) -> None:
        """Measure both sides of an image that has instances, as they are scored.

        predicted: objects (H, W); foreground: (H, W) probability of not being background. classes: (H, W) predicted
        class ids, where there are several foreground classes.
        """
        assert sample.instances is not None
        reference = sample.instances * sample.valid
        shape = reference.shape
        for side, objects in zip(SIDES, (reference, drop_ignored(reference, predicted, sample.valid)), strict=True):
            labels = renumbered(objects)
            chance = foreground if side == "prediction" else None
            columns = measure(labels, int(labels.max()), sample.data, chance, size.sides if size else (1.0, 1.0))
            summary = summarise(columns, shape)
            if size:
                columns |= in_units(columns, size.sides, size.unit)
                summary |= summary_in_units(summary, shape, size.sides, size.unit)
            place = {"picture": name, "side": side}
            of_class, counts = self._classes(labels, sample.mask if side == "label" else classes)
            for k in range(int(labels.max())):
                values = {key: column[k] for key, column in columns.items()}
                self.objects.append({**place, "object": k + 1, **of_class[k], **numbers_of(values)})
            self.images.append({**place, "height": shape[0], "width": shape[1], **numbers_of(summary), **counts})

    def _classes(
        self, labels: NDArray[np.int32], classes: NDArray[np.uint8] | None
    ) -> tuple[list[dict[str, str]], dict[str, int]]:
        """What rows say of the class of each object 1, 2, …, and how many there are of each class."""
        if classes is None or len(self.names) < 3:
            return [{}] * int(labels.max()), {}
        kinds = kinds_of(labels, classes)[1:]
        counts = np.bincount(kinds, minlength=len(self.names)).tolist()
        of_class = {f"count_{name}": count for name, count in zip(self.names[1:], counts[1:], strict=True)}
        return [{"class": self.names[kind]} for kind in kinds], of_class

    def differences(self) -> dict[str, dict[str, float]]:
        """By what is compared: mean difference, prediction less label, limits of agreement, and number of images."""
        found = {}
        for name in COMPARED:
            apart = np.array([prediction - label for label, prediction in self.pairs(name)])
            if len(apart):
                mean, wide = float(apart.mean()), LIMITS * float(apart.std(ddof=1)) if len(apart) > 1 else np.nan
                found[name] = {"difference": mean, "low": mean - wide, "high": mean + wide, "images": len(apart)}
        return found

    def pairs(self, name: str) -> list[tuple[float, float]]:
        """(label, prediction) of every image where both have the value."""
        rows = zip(self.images[::2], self.images[1::2], strict=True)
        return [(label[name], prediction[name]) for label, prediction in rows if name in label and name in prediction]

    def charts(self) -> list[str]:
        """Bland-Altman plots, SVG."""
        named = [row["picture"] for row in self.images[::2]]
        return [
            bland_altman(self.pairs(name), (one["difference"], one["low"], one["high"]), COMPARED[name], named)
            for name, one in self.differences().items()
        ]


def agreement_table(differences: dict[str, dict[str, float]]) -> Table:
    """Mean differences with their limits of agreement."""
    rows = [
        [COMPARED[name], str(one["images"]), *(format_number(one[key], 2) for key in ("difference", "low", "high"))]
        for name, one in differences.items()
    ]
    note = (
        "Prediction less label. 95 % of the differences lie between the limits, mean ± 1.96 standard deviations, if "
        "they are normally distributed (Bland and Altman, Lancet 1986, doi:10.1016/S0140-6736(86)90837-8)."
    )
    return Table("Counts and sizes", ["", "images", "mean difference", "lower limit", "upper limit"], rows, note)
