"""Deep supervision: coarser outputs of a network are compared with the mask too.

Lee et al., AISTATS 2015, https://proceedings.mlr.press/v38/lee15a.html; weighted as by nnU-Net (Isensee et al., Nature
Methods 2021, doi:10.1038/s41592-020-01008-z): each output counts half as much as the next finer one, the last not at
all.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def supervise(
    loss: Callable[[Tensor, Tensor, Tensor], Tensor], outputs: Sequence[Tensor], mask: Tensor, weight: Tensor
) -> Tensor:
    """Weighted mean of loss(logits, mask, weight) over logits (B, K, *sides) of falling resolution, the finest first.

    mask, weight: (B, *sides) of the finest, as in `loss.reduce`; nearest neighbours of them are taken for the others.
    The last output counts 0 times and not never, so that DDP finds a gradient for each parameter.
    """
    losses = []
    for factor, logits in zip(output_factors(len(outputs)), outputs, strict=True):
        sides = logits.shape[2:]
        losses.append(factor * loss(logits, resize(mask, sides), resize(weight, sides)))
    return torch.stack(losses).sum()


def output_factors(number: int) -> list[float]:
    """The share of each of `number` outputs, the finest first: 2^-i and 0 for the last, divided by their sum.

    A single output has all of it.

    >>> output_factors(4)
    [0.5714285714285714, 0.2857142857142857, 0.14285714285714285, 0.0]
    """
    factors = [0.5**level for level in range(number - 1)] + [0.0]
    return [factor / sum(factors) for factor in factors] if number > 1 else [1.0]


def resize(target: Tensor, sides: Sequence[int]) -> Tensor:
    """(B, *larger) to (B, *sides), of the same dtype: the value at the pixel nearest to the centre of each new one."""
    if target.shape[1:] == torch.Size(sides):
        return target
    resized = F.interpolate(target[:, None].float(), size=tuple(sides), mode="nearest-exact")  # (B, 1, *sides)
    return resized[:, 0].to(target.dtype)
