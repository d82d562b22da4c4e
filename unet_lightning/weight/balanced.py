"""Class weights w_c from the class frequencies of the training split."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Ge, Lt
from numpy.typing import NDArray

from unet_lightning.error import InputError
from unet_lightning.weight.base import Weight


class Balanced(Weight):
    """The weight of a pixel is the weight w_c of its class.

    method: with n pixels in the training split, n_c of them of class c, and K classes,
    `inverse` is n / (K n_c);
    `median_frequency` is median(f) / f_c, f_c = n_c / pixels of the images with class c
    (Eigen and Fergus, ICCV 2015, doi:10.1109/ICCV.2015.304);
    `effective_number` is (1 - beta) / (1 - beta^n_c), scaled to a mean of 1 over classes
    (Cui et al., CVPR 2019, doi:10.1109/CVPR.2019.00949);
    `given` is `classes`, one number per class. A class without a training pixel has weight 1.
    """

    def __init__(
        self,
        method: Literal["inverse", "median_frequency", "effective_number", "given"],
        beta: Annotated[float, Ge(0), Lt(1)],
        classes: Sequence[Annotated[float, Ge(0)]] | None,
    ) -> None:
        self.method, self.beta, self.given = method, beta, classes
        self.table: NDArray[np.float32] = np.zeros(0, np.float32)  # until fit
        if (method == "given") != (classes is not None):
            raise InputError(
                f"weight.method={method} with weight.classes={classes}; expected weight.method=given "
                "'weight.classes=[1,5]', one number per class, or another method and no numbers"
            )

    def fit(self, statistics: Mapping[str, Any]) -> None:
        """Compute the table of class weights."""
        pixels = np.array(statistics["class_pixels"], np.float64)
        if self.given is not None and len(self.given) != len(pixels):
            raise InputError(
                f"weight.classes={list(self.given)} for {len(pixels)} classes; expected one number per class"
            )
        seen = pixels > 0
        counts = np.where(seen, pixels, 1)
        if self.method == "inverse":
            table = pixels.sum() / (len(pixels) * counts)
        elif self.method == "median_frequency":
            frequency = counts / np.maximum(statistics["class_image_pixels"], 1)
            table = np.median(frequency[seen]) / frequency
        elif self.method == "effective_number":
            table = (
                -np.expm1(np.log(self.beta)) / -np.expm1(counts * np.log(self.beta)) if self.beta else counts * 0 + 1
            )
            table = table / table[seen].mean()
        else:
            table = np.array(self.given, np.float64)
        self.table = np.where(seen, table, 1.0).astype(np.float32)

    def describe(self) -> str:
        """The method and the class weights."""
        return f"class weights by {self.method}: " + ", ".join(f"{w:.3g}" for w in self.table)

    def __call__(
        self, mask: NDArray[np.uint8], instances: NDArray[np.int32] | None, random: np.random.Generator
    ) -> NDArray[np.float32]:
        """mask (H, W) to the weight of each pixel's class, (H, W)."""
        return self.table[mask]
