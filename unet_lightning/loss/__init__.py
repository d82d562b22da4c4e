"""Losses: modules from (logits, mask, weight) to a scalar.

logits: (B, K, h, w) float of any precision, computed on in float32. mask: (B, h, w) int64 class ids.
weight: (B, h, w) float32; 0 means that neither the logits nor the label of a pixel may matter.
"""

import torch
from torch import Tensor


def masked(logits: Tensor, mask: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """float32 logits and labels with everything under weight 0 replaced by zeros, so that it can't leak by any path."""
    counts = weight > 0
    return torch.where(counts[:, None], logits.float(), 0.0), torch.where(counts, mask, 0)


def weighted_mean(values: Tensor, weight: Tensor) -> Tensor:
    """sum(w l) / sum(w) over all pixels; 0 when no pixel counts."""
    total = weight.sum()
    return (values * weight).sum() / torch.where(total > 0, total, 1.0)
