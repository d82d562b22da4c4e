"""Soft Dice loss: L = 1 - (2 sum p y + eps) / (sum (p + y) + eps) (Milletari et al., 3DV 2016)."""

from typing import Annotated, Literal

from annotated_types import Gt
from torch import Tensor, nn

from unet_lightning.loss.reduce import class_mean, soft_overlaps


class Dice(nn.Module):
    """Mean over classes of one minus the soft Dice coefficient of probabilities and labels.

    reduction: `batch` sums over all images before dividing, `sample` divides for each image and takes the mean.
    background: whether class 0 counts. smooth: eps, in pixels; a class that is absent and not predicted costs 0.
    """

    def __init__(
        self, reduction: Literal["batch", "sample"], background: bool, smooth: Annotated[float, Gt(0)]
    ) -> None:
        super().__init__()
        self.reduction, self.background, self.smooth = reduction, background, smooth

    def forward(self, logits: Tensor, mask: Tensor, weight: Tensor) -> Tensor:
        """Scalar float32; 0 when no pixel counts."""
        hit, predicted, labelled = soft_overlaps(logits, mask, weight, self.reduction, self.background)
        return class_mean(1 - (2 * hit + self.smooth) / (predicted + labelled + self.smooth))
