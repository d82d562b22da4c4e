"""Soft Dice loss: L = 1 - (2 sum p y + eps) / (sum (p + y) + eps), p the softmax probabilities, y the one-hot labels.

Milletari et al., 3DV 2016, doi:10.1109/3DV.2016.79, without the squares in the denominator of that paper.
"""

from typing import Annotated, Literal

from annotated_types import Gt
from torch import Tensor, nn

from unet_lightning.loss.reduce import class_mean, soft_overlaps


class Dice(nn.Module):
    """Mean over classes of one minus the soft Dice coefficient of probabilities and labels.

    reduction: `batch` sums over all images before dividing, `sample` divides for each image and takes the mean.
    background: whether class 0 is included. smooth: eps, in pixels; a class neither labelled nor predicted has loss 0.
    """

    def __init__(
        self, reduction: Literal["batch", "sample"], background: bool, smooth: Annotated[float, Gt(0)]
    ) -> None:
        super().__init__()
        self.reduction, self.background, self.smooth = reduction, background, smooth

    def forward(self, logits: Tensor, mask: Tensor, weight: Tensor) -> Tensor:
        """(B, K, h, w), (B, h, w), (B, h, w) as in `loss.reduce` to a scalar float32; 0 when every weight is 0."""
        hit, predicted, labelled = soft_overlaps(logits, mask, weight, self.reduction, self.background)
        return class_mean(1 - (2 * hit + self.smooth) / (predicted + labelled + self.smooth))
