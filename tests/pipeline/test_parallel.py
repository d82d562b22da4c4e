import os

import pytest

from unet_lightning.pipeline.parallel import batched, map_records
from unet_lightning.record import Record


def records(number, slices=1):
    return [Record(f"{k}", f"file-{k // slices}") for k in range(number)]


def answer(record):
    return record.id, os.getpid()


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_results_come_in_order_from_as_many_processes(workers):
    found = list(map_records(answer, records(100), workers, "asking"))
    assert [name for name, _ in found] == [f"{k}" for k in range(100)]
    processes = {process for _, process in found}
    assert len(processes) == max(1, min(workers, os.cpu_count()))
    assert (os.getpid() in processes) == (workers == 0)


def test_few_records_stay_here():
    assert {process for _, process in map_records(answer, records(60), 4, "asking")} == {os.getpid()}
    assert not list(map_records(answer, [], 4, "asking"))


def test_the_slices_of_a_volume_stay_together():
    batches = batched(records(100, slices=30))
    assert [len(batch) for batch in batches] == [30, 30, 30, 10]
    assert all(len({record.image for record in batch}) == 1 for batch in batches)
    assert [len(batch) for batch in batched(records(20))] == [8, 8, 4]
    assert [record for batch in batched(records(50, 3)) for record in batch] == records(50, 3)


def fail(record):
    if record.id == "70":
        raise ZeroDivisionError(record.id)


def test_what_goes_wrong_in_a_process_is_seen():
    with pytest.raises(ZeroDivisionError, match="70"):
        list(map_records(fail, records(100), 2, "failing"))
