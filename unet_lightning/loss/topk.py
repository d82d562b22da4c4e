"""Cross entropy of the hardest pixels only: online bootstrapping (Wu et al. 2016, arXiv:1605.06885)."""

from math import ceil
from typing import Annotated

import torch
from annotated_types import Gt, Le
from torch import Tensor, nn
from torch.nn import functional as F

from unet_lightning.loss.reduce import concat_over_processes, mask_ignored, weighted_mean


class TopK(nn.Module):
    """Weighted mean cross entropy of the hardest pixels.

    Of the pixels with weight > 0, in all processes together, only the `share` with the largest weighted cross entropy
    is used.
    """

    def __init__(self, share: Annotated[float, Gt(0), Le(1)]) -> None:
        super().__init__()
        self.share = share

    def forward(self, logits: Tensor, mask: Tensor, weight: Tensor) -> Tensor:
        """(B, K, h, w), (B, h, w), (B, h, w) as in `loss.reduce` to a scalar float32; 0 when every weight is 0."""
        logits, mask = mask_ignored(logits, mask, weight)
        entropy = F.cross_entropy(logits, mask, reduction="none").flatten()  # (B h w,)
        weight = weight.flatten()
        costs, first = concat_over_processes(torch.where(weight > 0, entropy.detach() * weight, -1.0))
        number = ceil(self.share * int((costs < 0).logical_not().sum()))
        hardest = torch.topk(costs, number).indices - first
        hardest = hardest[(hardest >= 0) & (hardest < len(entropy))]  # those of this process
        return weighted_mean(entropy[hardest], weight[hardest])
