"""Soft Dice loss: L = 1 - (2 sum p y + eps) / (sum (p + y) + eps) (Milletari et al., 3DV 2016)."""

from typing import Annotated, Literal

import torch
from annotated_types import Gt
from torch import Tensor, nn

from unet_lightning.loss import masked


class Dice(nn.Module):
    """Mean over classes of one minus the soft Dice coefficient of probabilities and labels.

    reduction: `batch` sums over all images before dividing, `sample` divides for each image and takes the mean.
    background: whether class 0 counts. smooth: eps, in pixels; a class that is absent and not predicted costs 0.
    """

    def __init__(
        self, reduction: Literal["batch", "sample"], background: bool, smooth: Annotated[float, Gt(0)]
    ) -> None:
        super().__init__()
        self.dims = (0, 2, 3) if reduction == "batch" else (2, 3)
        self.first = 0 if background else 1
        self.smooth = smooth

    def forward(self, logits: Tensor, mask: Tensor, weight: Tensor) -> Tensor:
        """Scalar float32; 0 when no pixel counts."""
        logits, mask = masked(logits, mask, weight)
        weight = weight[:, None]
        classes = torch.arange(logits.shape[1], device=mask.device)[None, :, None, None]
        predicted = (logits.softmax(1) * weight)[:, self.first :]
        labelled = ((mask[:, None] == classes) * weight)[:, self.first :]
        overlap = (predicted * (mask[:, None] == classes)[:, self.first :]).sum(self.dims)
        total = predicted.sum(self.dims) + labelled.sum(self.dims)
        return (1 - (2 * overlap + self.smooth) / (total + self.smooth)).mean()
