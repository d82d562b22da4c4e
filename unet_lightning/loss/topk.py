"""Cross entropy of the hardest pixels only (Wu et al., "Bridging category-level and instance-level", 2016)."""

from math import ceil
from typing import Annotated

import torch
from annotated_types import Gt, Le
from torch import Tensor, nn
from torch.nn import functional as F

from unet_lightning.loss.reduce import concat_over_processes, mask_ignored, weighted_mean


class TopK(nn.Module):
    """Weighted mean cross entropy over the `share` of counting pixels whose weighted cross entropy is largest, among
    those of all processes.
    """

    def __init__(self, share: Annotated[float, Gt(0), Le(1)]) -> None:
        super().__init__()
        self.share = share

    def forward(self, logits: Tensor, mask: Tensor, weight: Tensor) -> Tensor:
        """Scalar float32; 0 when no pixel counts."""
        logits, mask = mask_ignored(logits, mask, weight)
        entropy = F.cross_entropy(logits, mask, reduction="none").flatten()
        weight = weight.flatten()
        costs, first = concat_over_processes(torch.where(weight > 0, entropy.detach() * weight, -1.0))
        number = ceil(self.share * int((costs < 0).logical_not().sum()))
        hardest = torch.topk(costs, number).indices - first
        hardest = hardest[(hardest >= 0) & (hardest < len(entropy))]
        return weighted_mean(entropy[hardest], weight[hardest])
