"""Communication between the processes that train one network together. A single process is a group of one."""

import gc
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import distributed as dist

from unet_lightning.error import InputError
from unet_lightning.runtime.launch import Process, rank


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


def made_once(name: str, make: Callable[[], str]) -> str:
    """A text that the first process makes and all get that torchrun started, before they are a group.

    Where torchrun didn't, each process makes it. InputError in the others where the first one fails.
    """
    if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True":
        return make()
    from torch.distributed.rendezvous import rendezvous  # not in every build of torch

    store, _, _ = next(rendezvous("env://"))
    return make_or_await(store, rank() == 0, name, make)


def make_or_await(store: Any, first: bool, name: str, make: Callable[[], str]) -> str:
    """As `made_once`; store: what the processes share."""
    if not first:
        while not store.check([name]):  # and not get(), which no signal interrupts
            time.sleep(0.1)
        found: str = store.get(name).decode()
        if not found:
            raise InputError("the first process of this run failed; see what it says")
        return found
    try:
        made = make()
    except BaseException:
        store.set(name, "")
        raise
    store.set(name, made)
    return made


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
