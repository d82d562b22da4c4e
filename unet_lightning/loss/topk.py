"""Cross entropy of the hardest pixels only (Wu et al., "Bridging category-level and instance-level", 2016)."""

from math import ceil
from typing import Annotated

import torch
from annotated_types import Gt, Le
from torch import Tensor, nn
from torch.nn import functional as F

from unet_lightning.loss import masked, weighted_mean


class TopK(nn.Module):
    """Weighted mean cross entropy over the `share` of counting pixels whose weighted cross entropy is largest."""

    def __init__(self, share: Annotated[float, Gt(0), Le(1)]) -> None:
        super().__init__()
        self.share = share

    def forward(self, logits: Tensor, mask: Tensor, weight: Tensor) -> Tensor:
        """Scalar float32; 0 when no pixel counts."""
        logits, mask = masked(logits, mask, weight)
        entropy = F.cross_entropy(logits, mask, reduction="none").flatten()
        weight = weight.flatten()
        number = ceil(self.share * int((weight > 0).sum()))
        hardest = torch.topk(entropy.detach() * weight, number).indices
        return weighted_mean(entropy[hardest], weight[hardest])
