import re
from dataclasses import replace
from pathlib import Path

import pytest

from unet_lightning.error import InputError
from unet_lightning.label import voc_palette
from unet_lightning.record import SPLITS, DataSet, Record, assign_splits, split_hash

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


def splits_of_groups(records):
    sides = {}
    for record in records:
        sides.setdefault(record.group, set()).add(record.split)
    assert all(len(splits) == 1 for splits in sides.values())
    return {group: splits.pop() for group, splits in sides.items()}


def test_each_group_is_tested_once_and_validated_once_in_a_cross_validation():
    folds = [splits_of_groups(assign_splits(RECORDS, 0, fold=k, folds=5)) for k in range(5)]
    for group in "abcdefghij":
        assert sorted(sides[group] for sides in folds) == ["test", "train", "train", "train", "val"]
    assert all(list(sides.values()).count("test") == 2 for sides in folds)


def test_a_published_test_split_stays_in_every_fold():
    published = [replace(r, split="test" if r.group in "ab" else "val" if r.group == "c" else "train") for r in RECORDS]
    folds = [splits_of_groups(assign_splits(published, 0, fold=k, folds=4)) for k in range(4)]
    assert all(sides["a"] == sides["b"] == "test" for sides in folds)
    for group in "cdefghij":
        assert sorted(sides[group] for sides in folds) == ["train", "train", "train", "val"]


@pytest.mark.parametrize(("fold", "folds"), [(5, 5), (0, 11), (10, 11), (0, 2)])
def test_folds_that_can_not_be_are_refused_with_a_remedy_that_works(fold, folds):
    with pytest.raises(InputError, match="with 10 groups; expected 3 to 10 folds") as caught:
        assign_splits(RECORDS, 0, fold=fold, folds=folds)
    possible, chosen = re.search(r"set data\.folds=(\d+) data\.fold=(\d+)$", str(caught.value)).groups()
    assert {r.split for r in assign_splits(RECORDS, 0, fold=int(chosen), folds=int(possible))} == {*SPLITS}


@pytest.mark.parametrize("folds", [2, 3, 5])
def test_too_few_groups_for_any_folds_are_refused_with_remedies_that_work(folds):
    few = [record for record in RECORDS if record.group in "ab"]
    with pytest.raises(InputError, match=r"with 2 groups; expected 3 .*, or set data\.fold=null"):
        assign_splits(few, 0, fold=0, folds=folds)
    named = [replace(record, split="train" if record.group == "a" else "val") for record in few]
    assert assign_splits(named, 0) == tuple(named)
    more = [record for record in RECORDS if record.group in "abc"]
    assert {record.split for record in assign_splits(more, 0, fold=0, folds=3)} == {*SPLITS}


@pytest.mark.parametrize(("number", "held_out"), [(10, [0, 7]), (22, [3, 8, 10, 16, 18]), (30, [3, 8, 12, 15, 18, 26])])
def test_the_first_fold_of_nnunet(number, held_out):
    """As nnU-Net itself divides this many cases."""
    records = [Record(f"case{k:03d}", Path("x")) for k in range(number)]
    found = assign_splits(records[::-1], 7, fold=0, folds="nnunet")
    assert sorted(r.id for r in found if r.split == "val") == [f"case{k:03d}" for k in held_out]
    assert {r.split for r in found} == {"train", "val"}


def test_the_folds_of_nnunet_hold_each_group_once_and_leave_the_published_test_split():
    published = [replace(r, split="test" if r.group in "ab" else "train") for r in RECORDS]
    folds = [splits_of_groups(assign_splits(published, 0, fold=k, folds="nnunet")) for k in range(5)]
    assert all(sides["a"] == sides["b"] == "test" for sides in folds)
    assert [sum(side == "val" for side in sides.values()) for sides in folds] == [2, 2, 2, 1, 1]
    for group in "cdefghij":
        assert sorted(sides[group] for sides in folds) == ["train"] * 4 + ["val"]


@pytest.mark.parametrize(("fold", "groups"), [(5, "abcdefghij"), (0, "abcd")])
def test_folds_of_nnunet_that_can_not_be(fold, groups):
    with pytest.raises(InputError, match=r"data\.folds=nnunet with \d+ groups; .*set data\.folds to a number"):
        assign_splits([r for r in RECORDS if r.group in groups], 0, fold=fold, folds="nnunet")


def test_a_missing_val_is_a_fifth_of_the_training_groups():
    published = [replace(r, split="test" if r.group in "ab" else "train") for r in RECORDS]
    sides = splits_of_groups(assign_splits(published, 0))
    assert sides["a"] == sides["b"] == "test"
    assert sorted(sides.values()) == ["test"] * 2 + ["train"] * 6 + ["val"] * 2


@pytest.mark.parametrize(
    ("groups", "words"),
    [("ab", "2 groups can't .* or a manifest with splits"), ("a", "1 group .* add images of other groups$")],
)
def test_too_few_groups(groups, words):
    with pytest.raises(InputError, match=words):
        assign_splits([record for record in RECORDS if record.group in groups], 0)


@pytest.mark.parametrize("number", [2, 7, 8, 150])
def test_every_class_has_a_colour_of_its_own(number):
    names = tuple(str(k) for k in range(number))
    assert len(set(DataSet((), names, lambda record: None).colors)) == number
    assert DataSet((), ("a", "b"), lambda record: None, (), ((1, 2, 3), (4, 5, 6))).colors == ((1, 2, 3), (4, 5, 6))


def test_the_colours_of_pascal_voc():
    known = [(0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 0, 128)]
    assert list(voc_palette(21))[:5] == known
    assert voc_palette(21)[20] == (0, 64, 128)


def test_a_record_names_all_its_files():
    record = Record("a", Path("i.png"), Path("m.png"), parts=(Path("p.png"), Path("q.png")))
    assert [path.name for path in record.files] == ["i.png", "m.png", "p.png", "q.png"]


def test_the_hash_changes_when_one_image_changes_sides():
    records = assign_splits(RECORDS, 0)
    moved = (replace(records[0], split="val" if records[0].split == "train" else "train"), *records[1:])
    assert split_hash(records) == split_hash(records[::-1]) != split_hash(moved)


@pytest.mark.parametrize(
    ("number", "kept"), [(1, [5]), (2, [2, 7]), (5, [1, 3, 5, 7, 9]), (10, list(range(10))), (99, list(range(10)))]
)
def test_fewer_training_images_are_spread_evenly_and_the_other_splits_stay(number, kept):
    records = [Record(f"{split}{k}", Path("x"), split=split) for split in ("train", "val", "test") for k in range(10)]
    found = assign_splits(records, 0, train_images=number)
    assert [record.id for record in found if record.split == "train"] == [f"train{k}" for k in kept]
    assert sum(record.split != "train" for record in found) == 20
