"""Communication between the processes that train one network together. A single process is a group of one."""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import distributed as dist

from unet_lightning.runtime.launch import Process


def this_process() -> Process:
    """Rank and count of this process among those that train together."""
    return Process(dist.get_rank(), dist.get_world_size()) if _distributed() else Process()


def gather_dict(mapping: dict[int, Any]) -> dict[int, Any]:
    """The entries of all processes in the order of their keys. Tensors in them must lie in main memory."""
    parts: list[Any] = [mapping]
    if this_process().count > 1:
        parts = [None] * this_process().count
        dist.all_gather_object(parts, mapping)
    return dict(sorted(item for part in parts for item in part.items()))


def max_over_processes(numbers: Sequence[int], device: torch.device) -> list[int]:
    """The largest of each number over all processes."""
    if this_process().count == 1:
        return list(numbers)
    found = torch.tensor(numbers, device=device)
    dist.all_reduce(found, dist.ReduceOp.MAX)
    return [int(number) for number in found]


@contextmanager
def leaving_group() -> Iterator[None]:
    """Leave the process group at the end, when this process no longer communicates with the others.

    gloo's threads release their buffers through the Python interpreter; if the interpreter ends before them, they abort
    the process after its work is done. They end with the group, and the group with the last module that refers to it.
    """
    try:
        yield
    finally:
        if _distributed():
            gc.collect()
            dist.destroy_process_group()


def _distributed() -> bool:
    return dist.is_available() and dist.is_initialized()
