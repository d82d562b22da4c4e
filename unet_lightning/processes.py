"""Sums and collections over the processes that train one network together. A lone process is all of them."""

import gc
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch import distributed as dist


def world() -> int:
    """How many processes train together."""
    return dist.get_world_size() if _together() else 1


def rank() -> int:
    """The number of this process, from 0."""
    return dist.get_rank() if _together() else 0


def across(values: Tensor) -> Tensor:
    """The sum of `values` over all processes, of the same shape, while gradients are recorded.

    Its gradient is multiplied by the number of processes, so that the mean over processes, which DDP takes, is the
    gradient of the sum. Without gradients the values stay as they are: an image is validated by one process alone.
    """
    if world() == 1 or not torch.is_grad_enabled():
        return values
    total = values.detach().clone()
    dist.all_reduce(total)
    return total + world() * (values - values.detach())


def everywhere(values: Tensor) -> tuple[Tensor, int]:
    """(N,) of every process in a row, and where those of this one begin; like `across` while gradients are recorded."""
    if world() == 1 or not torch.is_grad_enabled():
        return values, 0
    parts = [torch.empty_like(values) for _ in range(world())]
    dist.all_gather(parts, values.contiguous())
    return torch.cat(parts), rank() * len(values)


def gather(mapping: dict[int, Any]) -> dict[int, Any]:
    """The entries of all processes in the order of their keys. Tensors in them must lie in main memory."""
    parts: list[Any] = [mapping]
    if world() > 1:
        parts = [None] * world()
        dist.all_gather_object(parts, mapping)
    return dict(sorted(item for part in parts for item in part.items()))


def largest(numbers: Sequence[int], device: torch.device) -> list[int]:
    """The largest of each number over all processes."""
    if world() == 1:
        return list(numbers)
    found = torch.tensor(numbers, device=device)
    dist.all_reduce(found, dist.ReduceOp.MAX)
    return [int(number) for number in found]


def leave() -> None:
    """Leave the others, once nothing here talks to them any more.

    The threads of gloo give back what they sent through the interpreter; if that has gone before them, they abort the
    process after its work is done. They end with the group, and the group with the last module that refers to it.
    """
    if _together():
        gc.collect()
        dist.destroy_process_group()


def _together() -> bool:
    return dist.is_available() and dist.is_initialized()
