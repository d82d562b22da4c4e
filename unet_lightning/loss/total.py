"""A weighted sum of losses, configured in yaml."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from unet_lightning.error import InputError


class WeightedSum(nn.Module):
    """sum of factor_i * term_i(logits, mask, weight)."""

    def __init__(self, terms: Mapping[str, nn.Module], factors: Mapping[str, float]) -> None:
        super().__init__()
        if terms.keys() != factors.keys():
            raise InputError(f"loss.factors names {sorted(factors)}; expected one factor for each of {sorted(terms)}")
        self.terms = nn.ModuleDict(dict(terms))
        self.factors = dict(factors)

    def forward(self, logits: Tensor, mask: Tensor, weight: Tensor) -> Tensor:
        """(B, K, h, w), (B, h, w), (B, h, w) as in `loss.reduce` to a scalar float32."""
        return torch.stack([self.factors[k] * term(logits, mask, weight) for k, term in self.terms.items()]).sum()
