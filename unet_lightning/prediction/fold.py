"""Batch norm as a part of the convolution before it: fewer passes over the memory, the same function."""

from itertools import pairwise
from typing import Any

import torch
from torch import nn

CONVOLUTIONS = (nn.Conv2d, nn.Conv3d)
NORMS = (nn.BatchNorm2d, nn.BatchNorm3d)


@torch.no_grad()
def fold_batch_norm(network: nn.Module) -> None:
    """Multiply what batch norm does, in evaluation mode, into the convolution before it, and take the norm out.

    Only where one follows the other in an `nn.Sequential`; a convolution that is used in several places, and a norm
    that keeps no statistics, stay. Computed in float64, so that scores differ by float32's rounding alone.
    """
    places = [module for _, module in network.named_modules(remove_duplicate=False)]
    for parts in [module for module in network.modules() if type(module) is nn.Sequential]:
        for k, (convolution, norm) in enumerate(pairwise(list(parts))):
            fits = type(convolution) in CONVOLUTIONS and type(norm) in NORMS
            if fits and norm.running_var is not None and sum(place is convolution for place in places) == 1:
                _fold(convolution, norm)
                parts[k + 1] = nn.Identity()


def _fold(convolution: Any, norm: Any) -> None:
    """W' = s W and b' = s (b - mean) + shift, where s = scale / sqrt(variance + eps)."""
    weight = convolution.weight
    factor = (norm.running_var.double() + norm.eps).rsqrt()
    factor = factor if norm.weight is None else factor * norm.weight.double()
    bias = -norm.running_mean.double() if convolution.bias is None else convolution.bias.double() - norm.running_mean
    bias = factor * bias if norm.bias is None else factor * bias + norm.bias.double()
    folded = (weight.double() * factor.reshape(-1, *[1] * (weight.ndim - 1)), bias)
    convolution.weight, convolution.bias = (
        nn.Parameter(tensor.to(weight.dtype), requires_grad=False) for tensor in folded
    )
