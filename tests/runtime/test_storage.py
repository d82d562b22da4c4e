import shutil
from types import SimpleNamespace

import pytest

from unet_lightning.runtime import storage


@pytest.fixture
def free(monkeypatch):
    """A function that sets the free MiB of every disk."""

    def set_free(mebibytes):
        monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=mebibytes << 20))

    return set_free


@pytest.mark.parametrize(
    ("mebibytes", "problem", "stops"),
    [(50_000, "", False), (1500, "a run may fill the disk", False), (50, "no run fits", True)],
)
def test_the_room_for_runs(tmp_path, free, mebibytes, problem, stops):
    free(mebibytes)
    found = storage.outputs(tmp_path / "outputs")
    assert (found.problem, found.stops) == (problem, stops)
    assert bool(found.remedy) == bool(problem)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_stops_a_run_and_not_the_cache(tmp_path, free):
    free(50_000)
    (tmp_path / "outputs").write_text("a file")
    found = storage.outputs(tmp_path / "outputs")
    assert (found.stops, found.remedy) == (True, "cd FOLDER you can write")
    assert "(Not a directory)" in found.problem
    found = storage.cache(tmp_path / "outputs", 4)
    assert (found.stops, found.remedy) == (False, "data.cache_dir=FOLDER")


@pytest.mark.parametrize(("mebibytes", "wrong"), [(5000, False), (3000, True)])
def test_the_cache_has_room_for_what_does_not_fit_in_memory(tmp_path, free, mebibytes, wrong):
    free(mebibytes)
    found = storage.cache(tmp_path / "a" / "b", 4)
    assert bool(found.problem) == wrong
    assert not list(tmp_path.iterdir())


def test_no_cache_is_a_choice():
    found = storage.cache(None, 4)
    assert (found.value, found.problem) == ("none; sets of more than 4 GiB are decoded again and again", "")
