"""Functions used by all losses: sums over pixels, over classes and over the processes that train together.

Losses are modules from (logits, mask, weight) to a scalar.

logits: (B, K, h, w) float of any precision, computed on in float32. mask: (B, h, w) int64 class ids.
weight: (B, h, w) float32, not negative; at weight 0 neither the logits nor the label of the pixel has any influence.
"""

from typing import Literal

import torch
from torch import Tensor
from torch import distributed as dist


def mask_ignored(logits: Tensor, mask: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Logits (B, K, h, w) float32 and labels (B, h, w) with 0 in place of whatever stands at pixels of weight 0.

    So not even a NaN there reaches the loss or its gradient.
    """
    counts = weight > 0  # (B, h, w)
    return torch.where(counts[:, None], logits.float(), 0.0), torch.where(counts, mask, 0)


def weighted_mean(values: Tensor, weight: Tensor) -> Tensor:
    """values and weight of equal shape to sum(w v) / sum(w), a scalar over all processes; 0 when every weight is 0."""
    weighted, total = sum_over_processes(torch.stack([(values * weight).sum(), weight.sum()]))
    mean: Tensor = weighted / torch.where(total > 0, total, 1.0)
    return mean


def class_mean(values: Tensor) -> Tensor:
    """Scalar mean of (K,) over classes, or of (B, K) over classes and the samples of all processes."""
    if values.ndim == 1:
        return values.mean()
    total, number = sum_over_processes(torch.stack([values.sum(), values.new_tensor(values.numel())]))
    mean: Tensor = total / number
    return mean


def soft_overlaps(
    logits: Tensor, mask: Tensor, weight: Tensor, reduction: Literal["batch", "sample"], background: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Weighted sums over pixels of p y, p and y, each (K,) for the `batch` of all processes or (B, K) for `sample`.

    p: softmax probabilities. y: one-hot labels. Without background class 0 is left out: (K - 1,) or (B, K - 1).
    """
    logits, mask = mask_ignored(logits, mask, weight)
    dims = (0, 2, 3) if reduction == "batch" else (2, 3)
    first = 0 if background else 1
    classes = torch.arange(first, logits.shape[1], device=mask.device)
    weight = weight[:, None]  # (B, 1, h, w)
    predicted = logits.softmax(1)[:, first:] * weight  # (B, K, h, w)
    labelled = mask[:, None] == classes[None, :, None, None]  # (B, K, h, w)
    sums = torch.stack([(predicted * labelled).sum(dims), predicted.sum(dims), (labelled * weight).sum(dims)])
    hit, predicted, labelled = sum_over_processes(sums) if reduction == "batch" else sums
    return hit, predicted, labelled


def sum_over_processes(values: Tensor) -> Tensor:
    """The sum of `values` over all processes, of the same shape, while gradients are recorded.

    DDP averages gradients over processes. The gradient is therefore multiplied by the number of processes, so that the
    average is the gradient of the sum. Without gradients the values are returned unchanged: validation scores an image
    in one process alone.
    """
    if _alone():
        return values
    total = values.detach().clone()
    dist.all_reduce(total)
    return total + dist.get_world_size() * (values - values.detach())


def concat_over_processes(values: Tensor) -> tuple[Tensor, int]:
    """(N,) of each of P processes to (P N,) of all of them, and the index at which the values of this process begin.

    Without gradients, as in `sum_over_processes`, the values of this process alone.
    """
    if _alone():
        return values, 0
    parts = [torch.empty_like(values) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, values.contiguous())
    return torch.cat(parts), dist.get_rank() * len(values)


def _alone() -> bool:
    """Whether this process sums over its own values only: it trains alone, or validates."""
    together = dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1
    return not (together and torch.is_grad_enabled())
