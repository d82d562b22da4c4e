"""Tversky loss: 1 - (TP + eps) / (TP + alpha FP + beta FN + eps).

Salehi et al., MLMI 2017, doi:10.1007/978-3-319-67389-9_44. TP, FP and FN are weighted sums of softmax probabilities
over the pixels. alpha = beta = 1/2 is the Dice loss with twice the eps.
"""

from typing import Annotated, Literal

from annotated_types import Ge, Gt
from torch import Tensor, nn

from unet_lightning.loss.reduce import class_mean, soft_overlaps


class Tversky(nn.Module):
    """Mean over classes of one minus the Tversky index of probabilities and labels.

    alpha: factor of false positives. beta: factor of false negatives; beta > alpha favours recall.
    reduction, background, smooth: as for Dice.
    """

    def __init__(
        self,
        alpha: Annotated[float, Ge(0)],
        beta: Annotated[float, Ge(0)],
        reduction: Literal["batch", "sample"],
        background: bool,
        smooth: Annotated[float, Gt(0)],
    ) -> None:
        super().__init__()
        self.alpha, self.beta, self.smooth = alpha, beta, smooth
        self.reduction, self.background = reduction, background

    def forward(self, logits: Tensor, mask: Tensor, weight: Tensor) -> Tensor:
        """(B, K, h, w), (B, h, w), (B, h, w) as in `loss.reduce` to a scalar float32; 0 when every weight is 0."""
        hit, predicted, labelled = soft_overlaps(logits, mask, weight, self.reduction, self.background)
        false_positives, false_negatives = predicted - hit, labelled - hit
        denominator = hit + self.alpha * false_positives + self.beta * false_negatives + self.smooth
        return class_mean(1 - (hit + self.smooth) / denominator)
