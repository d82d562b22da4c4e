"""A run that goes on finds the data it began with, or says what is not as it was."""

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from tests.small import QUIET, TINY_NETWORK, config
from unet_lightning.command.evaluate import main as evaluate
from unet_lightning.error import InputError
from unet_lightning.pipeline.build import build_data_module
from unet_lightning.pipeline.find import find_dataset
from unet_lightning.pipeline.known_data import KnownData, Seen, read_known, write_known
from unet_lightning.record import Record, keep_splits
from unet_lightning.training.run import train

RECORDS = tuple(Record(name, f"{name}.png", split="test" if name == "e" else "train") for name in "abcde")
CONTENTS = {name: (f"image {name}", f"label {name}") for name in "abcde"}


@pytest.fixture
def known(tmp_path):
    write_known(tmp_path, RECORDS, CONTENTS, None)
    return read_known(tmp_path)


def without(*names, **more):
    return {name: content for name, content in CONTENTS.items() if name not in names} | more


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (CONTENTS, ""),
        (without(b=("other", "label b")), "1 changed (b)"),
        (without(b=("image b", "other")), "1 changed (b)"),
        (without("d"), "1 deleted (d)"),
        (without(z=("image z", "label z")), "1 added (z)"),
        (without("d", z=CONTENTS["d"]), "1 renamed (d to z)"),
        (without("d", z=("image d", "other")), "1 added (z); 1 deleted (d)"),
        (dict.fromkeys("abcde", ("x", "y")), "5 changed (a, b, c, …)"),
    ],
)
def test_what_has_changed_is_counted_and_named(known, now, told):
    assert known.changes(now) == told
    records = [record for record in RECORDS if record.id in now]
    if not told:
        known.check(records, now, "refuse")
        return
    with pytest.raises(InputError, match=r"go on all the same by data\.changed=accept") as caught:
        known.check(records, now, "refuse")
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    known.check(records, now, "accept")


def test_a_picture_that_was_trained_on_is_not_accepted_as_a_test_picture_under_any_name_at_any_time(tmp_path, known):
    fewer = [record for record in RECORDS if record.id != "a"]
    write_known(tmp_path, fewer, without("a"), known)  # the run goes on without it
    later = read_known(tmp_path)
    assert later.changes(without("a")) == ""
    records = (*fewer, Record("z", "z.png", split="test"))
    with pytest.raises(InputError, match="z: this run has trained on pictures that are now held out as 'z'"):
        later.check(records, without("a", z=("image a", "another label")), "accept")


def test_a_picture_that_came_back_from_the_training_split_under_its_old_name_is_refused(tmp_path):
    """Held out as a, then trained on as z, then held out as a again: the last start decides."""
    picture, other = ("image a", "label a"), ("image b", "label b")
    write_known(tmp_path, [Record("a", "a.png", split="val")], {"a": picture}, None)
    write_known(tmp_path, [Record("z", "z.png", split="train")], {"z": picture}, read_known(tmp_path))
    records = [Record("a", "a.png", split="val"), Record("b", "b.png", split="train")]
    with pytest.raises(InputError, match="a: this run has trained on pictures that are now held out"):
        read_known(tmp_path).check(records, {"a": picture, "b": other}, "accept")


def test_a_blank_picture_may_lie_in_two_splits_from_start_to_start(tmp_path):
    records = [Record("a", "a.png", split="val"), Record("b", "b.png", split="train")]
    contents = {"a": ("blank", "x"), "b": ("blank", "y")}
    for _ in range(3):
        write_known(tmp_path, records, contents, read_known(tmp_path))
        read_known(tmp_path).check(records, contents, "refuse")


def test_ids_that_a_spreadsheet_would_take_for_formulas_are_known_again(tmp_path):
    contents = {name: (f"image {name}", "label") for name in ("-a", "@b", "=c", "+d", "'e")}
    write_known(tmp_path, [Record(name, name, split="train") for name in contents], contents, None)
    assert "'-a" in (tmp_path / "split.csv").read_text()
    assert read_known(tmp_path).changes(contents) == ""


def test_a_split_whose_images_were_all_renamed_is_named_before_anything_else(tmp_path):
    for k in range(6):
        write_pair(tmp_path / "set", f"p{k}", k)
    options = ["data=folder", f"data.root={tmp_path / 'set'}"]
    splits = {record.id: record.split for record in find_dataset(config(*options)).records}
    for kind in ("images", "masks"):
        for path in (tmp_path / "set" / kind).iterdir():
            path.rename(path.with_name(f"new_{path.name}"))
    for accepted in ([], ["data.changed=accept"]):
        with pytest.raises(
            InputError, match=r"none of the 1 images of the split 'val' \(p\d\) is there under its name"
        ):
            build_data_module(config(*options, *QUIET, *accepted), splits)


def test_known_records_stay_on_their_side_and_new_ones_join_their_group():
    before = {"a": "test", "b": "train", "c": "val"}
    records = [Record(name, name, group=group, split="test") for name, group in ("a1", "b2", "c3", "d1", "e4", "f5")]
    kept = keep_splits(records, before, {"e": "", "f": "val"})
    assert [record.split for record in kept] == ["test", "train", "val", "test", "train", "val"]


def test_a_run_of_before_has_no_hashes_and_a_file_of_another_kind_is_refused(tmp_path, known):
    assert KnownData({"a": "train"}).changes({"a": ("x", "y")}) == ""
    assert read_known(tmp_path / "nothing") is None
    for name in ("split.csv", "content.csv"):
        content = (tmp_path / name).read_bytes()
        for broken in (b"\xff\xfe\x00", b"x,y\n1,2\n", b'id,split\na,"train\n'):
            (tmp_path / name).write_bytes(broken)
            with pytest.raises(InputError, match=f"{name}: not what a run wrote there; put it back, or begin another"):
                read_known(tmp_path)
        (tmp_path / name).write_bytes(content)
    assert known.seen[0] == Seen("a", "train", "image a", "label a")


def write_pair(root, name, corner):
    mask = np.zeros((24, 20), np.uint8)
    mask[corner : corner + 9, 4:12] = 1
    for kind, pixels in (("images", mask * 90 + corner), ("masks", mask)):
        (root / kind).mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(root / kind / f"{name}.png"), pixels)


def test_a_run_goes_on_with_its_split_and_refuses_other_labels_until_they_are_accepted(tmp_path, monkeypatch):
    for k in range(6):
        write_pair(tmp_path / "set", f"p{k}", k)
    options = [
        "data=folder",
        f"data.root={tmp_path / 'set'}",
        "data.crop=16",
        "data.crops_per_image=1",
        "data.min_steps=1",
    ]
    short = [*TINY_NETWORK, *QUIET, "trainer.limit_train_batches=1", "trainer.limit_test_batches=0"]

    def go(*more):
        return train(config(*options, *short, *more), tmp_path / "run")

    def sides():
        with (tmp_path / "run" / "split.csv").open() as file:
            return {row["id"]: row["split"] for row in csv.DictReader(file)}

    go("trainer.max_epochs=1")
    before = sides()
    (tmp_path / "set" / "masks" / "p2.png").write_bytes((tmp_path / "set" / "masks" / "p3.png").read_bytes())
    for k in range(6, 13):
        write_pair(tmp_path / "set", f"n{k}", k)
    with pytest.raises(InputError, match=r"1 changed \(p2\); 7 added \(n10, n11, n12, …\)"):
        go("trainer.max_epochs=2")
    assert sides() == before
    assert go("trainer.max_epochs=1")["epochs"] == 1
    loaded, load = [], torch.load
    monkeypatch.setattr(torch, "load", lambda file, **options: loaded.append(file) or load(file, **options))
    assert go("trainer.max_epochs=2", "data.changed=accept")["epochs"] == 2
    assert len([file for file in loaded if "step-" in str(getattr(file, "name", file))]) == 1
    assert sides() == before | {f"n{k}": "train" for k in range(6, 13)}
    checkpoint = str(tmp_path / "run/checkpoints/best.ckpt")
    for split in ("test", "val"):
        output = tmp_path / split
        assert evaluate([checkpoint, f"split={split}", "resamples=100", "--output", str(output)]) == 0
        with (output / "images.csv").open() as file:
            assert {row["id"] for row in csv.DictReader(file)} == {name for name, at in before.items() if at == split}
    (held_out,) = [name for name, at in before.items() if at == "test"]
    rename = f"{tmp_path}/set/{{}}/{held_out}.png"
    for kind in ("images", "masks"):
        Path(rename.format(kind)).rename(rename.format(kind).replace(held_out, "other"))
    with pytest.raises(InputError, match=f"none of the 1 images of the split 'test' \\({held_out}\\) is there"):
        evaluate([checkpoint, "resamples=100", "--output", str(tmp_path / "o")])
