"""Apply a function to many records in several processes; the results keep the order of the records."""

import os
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any, Generic, TypeVar

from rich.console import Console
from rich.progress import Progress
from torch.utils.data import DataLoader, Dataset

from unet_lightning.record import Record

Result = TypeVar("Result")
TOGETHER = 8  # records that a process receives at once
FEW = 64  # with fewer records no processes are started


class Work(Dataset[list[Result]], Generic[Result]):
    """Lists of records to lists of results."""

    def __init__(self, work: Callable[[Record], Result]) -> None:
        self.work = work

    def __getitem__(self, batch: Sequence[Record]) -> list[Result]:
        return [self.work(record) for record in batch]


def map_records(
    work: Callable[[Record], Result], records: Sequence[Record], workers: int, doing: str
) -> Iterator[Result]:
    """The results of all records in their order, each as soon as it is ready; few records stay in this process.

    doing: the label of the progress bar on a terminal. Consecutive records of one file (the slices of a volume) go to
    the same process.
    """
    processes = 0 if len(records) < FEW else min(workers, os.cpu_count() or 1)
    batches: Any = batched(records)
    loader = DataLoader(Work(work), None, sampler=batches, num_workers=processes, collate_fn=unchanged)
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(doing, total=len(records))
        for results in loader:
            yield from results
            bar.advance(task, len(results))


def batched(records: Sequence[Record]) -> list[list[Record]]:
    """Lists of at least a few records, none of which ends between two records of one image file."""
    batches: list[list[Record]] = [[]]
    for _, same in groupby(records, key=lambda record: record.image):
        if len(batches[-1]) >= TOGETHER:
            batches.append([])
        batches[-1] += same
    return batches


def unchanged(results: Any) -> Any:
    """The results unchanged, where a loader's default would convert them to tensors."""
    return results
