import os
import shutil
from types import SimpleNamespace

import psutil
import pytest

from unet_lightning.runtime import capacity


@pytest.fixture
def limits(tmp_path, monkeypatch):
    """A machine of 8 cores and 16 GiB, 12 of them free; and the folder in which a container's limits are files."""
    monkeypatch.setattr(capacity, "CONTROL", tmp_path)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(6)), raising=False)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=16 << 30, available=12 << 30))
    return tmp_path


@pytest.mark.parametrize(
    ("quota", "expected"), [("", 6), ("max 100000", 6), ("400000 100000", 4), ("50000 100000", 1), ("900000 100000", 6)]
)
def test_cores_are_those_that_affinity_and_container_allow(limits, quota, expected):
    if quota:
        (limits / "cpu.max").write_text(f"{quota}\n")
    assert capacity.usable_cores() == expected


def test_a_machine_without_affinity_has_all_its_cores(limits, monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity")
    assert capacity.usable_cores() == 8


def test_more_threads_than_cores_are_told(limits):
    found = capacity.cores(7)
    assert found.value == "6 of 8 usable; torch computes with 7 threads"
    assert found.remedy == "export OMP_NUM_THREADS=6"
    assert not found.stops
    assert not capacity.cores(6).problem
    assert capacity.cores(None).value == "6 of 8 usable"


def test_memory_is_what_the_container_leaves(limits):
    assert capacity.memory().value == "16.0 GiB, 12.0 free"
    (limits / "memory.max").write_text(f"{4 << 30}\n")
    (limits / "memory.current").write_text(f"{1 << 30}\n")
    found = capacity.memory()
    assert (found.value, found.problem) == ("4.0 GiB, 3.0 free", "")
    (limits / "memory.max").write_text("max\n")
    assert capacity.memory().value == "16.0 GiB, 12.0 free"


def test_little_memory_is_told(limits, monkeypatch):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=4 << 30, available=1 << 30))
    found = capacity.memory()
    assert "needs about 2 GiB" in found.problem
    assert found.remedy.startswith("data.num_workers=0 data.batch_size=4")


@pytest.mark.parametrize(("workers", "mebibytes", "wrong"), [(2, 64, True), (0, 64, False), (2, 8192, False)])
def test_little_shared_memory_is_told_where_loaders_use_it(tmp_path, monkeypatch, workers, mebibytes, wrong):
    monkeypatch.setattr(capacity, "SHARED", tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(total=mebibytes << 20))
    (found,) = capacity.shared_memory(workers)
    assert bool(found.problem) == wrong
    assert ("--shm-size" in found.remedy) == wrong


def test_a_system_without_shared_memory_of_its_own_says_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(capacity, "SHARED", tmp_path / "absent")
    assert capacity.shared_memory(2) == []


@pytest.mark.parametrize(("name", "stops"), [("Windows", True), ("Linux", False), ("Darwin", False)])
def test_a_system_without_posix_stops(monkeypatch, name, stops):
    monkeypatch.setattr(capacity.platform, "system", lambda: name)
    found = capacity.system()
    assert (found.stops, "wsl --install" in found.remedy) == (stops, stops)
