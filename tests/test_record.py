from dataclasses import replace

import pytest

from unet_lightning.error import InputError
from unet_lightning.record import Record, assign_splits, split_hash

RECORDS = [Record(f"{group}{k}", f"{group}{k}.png", group=group) for group in "abcdefghij" for k in range(3)]


def test_groups_are_shared_out_60_20_20_and_never_divided():
    records = assign_splits(RECORDS, seed=0)
    sides = {record.group: {r.split for r in records if r.group == record.group} for record in records}
    assert all(len(splits) == 1 for splits in sides.values())
    counts = {name: sum(splits == {name} for splits in sides.values()) for name in ("train", "val", "test")}
    assert counts == {"train": 6, "val": 2, "test": 2}


def test_the_split_depends_on_the_seed_and_not_on_the_order():
    def of(records):
        return {record.id: record.split for record in records}

    assert of(assign_splits(RECORDS, 0)) == of(assign_splits(RECORDS[::-1], 0))
    assert any(of(assign_splits(RECORDS, 0)) != of(assign_splits(RECORDS, seed)) for seed in (1, 2, 3))


def test_published_splits_are_kept():
    published = [replace(r, split=("train", "val", "test")[k % 3]) for k, r in enumerate(RECORDS)]
    assert assign_splits(published, 5) == tuple(published)


def test_a_strange_split_is_refused():
    with pytest.raises(InputError, match="tets"):
        assign_splits([replace(RECORDS[0], split="tets")], 0)


def test_the_hash_changes_when_one_image_changes_sides():
    records = assign_splits(RECORDS, 0)
    moved = (replace(records[0], split="val" if records[0].split == "train" else "train"), *records[1:])
    assert split_hash(records) == split_hash(records[::-1]) != split_hash(moved)
