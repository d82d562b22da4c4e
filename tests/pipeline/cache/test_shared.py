"""What the trials of a sweep share: read once, the same bit for bit, and read anew where anything about it is new."""

import cv2
import numpy as np
import pytest

from tests.pipeline.cache.test_store import built, digest
from unet_lightning.pipeline.cache import identity
from unet_lightning.pipeline.cache.shared import shared
from unet_lightning.pipeline.cache.store import Store

NUMBER = 6
RANDOM = np.random.default_rng(0)


@pytest.fixture
def root(tmp_path):
    """Six pictures of three classes, read by a data set whose files count as old."""
    for kind in ("images", "masks"):
        (tmp_path / "set" / kind).mkdir(parents=True)
    for k in range(NUMBER):
        mask = RANDOM.integers(0, 3, (4, 5)).repeat(8, 0).repeat(6, 1).astype(np.uint8)
        image = (mask.astype(int) * 200 + RANDOM.integers(0, 5000, mask.shape)).astype(np.uint16)
        cv2.imwrite(str(tmp_path / "set" / "images" / f"{k}.png"), image)
        cv2.imwrite(str(tmp_path / "set" / "masks" / f"{k}.png"), mask)
    return tmp_path / "set"


@pytest.fixture(autouse=True)
def decoded(monkeypatch):
    """The ids of all records decoded since; sharing begins and ends with the test."""
    found, decode = [], Store._decode

    def note(store, record):
        found.append(record.id)
        return decode(store, record)

    monkeypatch.setattr(Store, "_decode", note)
    monkeypatch.setattr(identity, "SETTLED", 0.0)
    shared.begin()
    yield found
    shared.end()


def alone(*arguments):
    """What a process that shares nothing makes of it."""
    shared.end()
    data = built(*arguments)
    assert not shared.found
    return data.statistics, digest(data)


@pytest.mark.parametrize("where", ["memory", "disk"])
@pytest.mark.parametrize("overrides", [[], ["seed=1", "normalize=percentile", "data.fold=1"]])  # another split
def test_the_next_trial_reads_nothing_and_sees_the_same(root, decoded, where, overrides):
    first = built(root, where)
    again = built(root, where, *overrides)
    found = again.statistics, digest(again)
    assert sorted(decoded) == [str(k) for k in range(NUMBER)]
    assert again.store.contents == first.store.contents
    assert found == alone(root, "nowhere", *overrides)


def test_what_memory_has_no_room_for_is_inspected_once(root, decoded):
    first = built(root, "nowhere")
    decoded.clear()
    again = built(root, "nowhere")
    assert not decoded
    assert again.statistics == first.statistics
    assert digest(again) == alone(root, "nowhere")[1]


@pytest.mark.parametrize("where", ["memory", "disk"])
def test_a_file_that_was_changed_is_read_anew_alone(root, decoded, where):
    before = digest(built(root, where))
    changed = built(root, where).dataset.split("train")[0]
    cv2.imwrite(str(changed.image), cv2.imread(str(changed.image), -1)[::-1])
    decoded.clear()
    data = built(root, where)
    assert decoded == [changed.id]
    found = data.statistics, digest(data)
    assert found == alone(root, "nowhere")
    assert found[1] != before


def test_a_file_that_may_still_change_unseen_is_read_again(root, decoded, monkeypatch):
    monkeypatch.setattr(identity, "SETTLED", 3600.0)
    built(root, "memory")
    built(root, "memory")
    assert len(decoded) == 2 * NUMBER


def test_a_set_that_is_read_in_another_way_takes_the_place_of_the_one_before(root, decoded):
    built(root, "memory")
    other = "data.label_values={0:0,1:2,2:1}"
    data = built(root, "memory", other)
    assert len(decoded) == 2 * NUMBER
    assert len(shared.found) == NUMBER
    assert (data.statistics, digest(data)) == alone(root, "memory", other)


def test_a_set_that_has_shrunk_moves_from_disk_to_memory(root):
    first = built(root, "memory")
    largest = max(entry.nbytes for entry in first.store.kept.values())
    room = f"data.cache_gb={3.5 * largest / 2**30}"
    assert built(root, "disk", room).store.disk
    for k in range(3):
        (root / "images" / f"{k}.png").unlink()
        (root / "masks" / f"{k}.png").unlink()
    data = built(root, "disk", room)
    assert set(data.store.kept) == set(data.dataset.records)
