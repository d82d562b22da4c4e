import shlex

import numpy as np
import pytest
from PIL import Image

from tests.data.test_folder import CLASSES, write
from tests.small import config
from unet_lightning.command.validate import main
from unet_lightning.data.folder import find
from unet_lightning.data.suffix import common_suffix, override
from unet_lightning.error import InputError
from unet_lightning.pipeline.find import find_dataset


@pytest.mark.parametrize(
    ("images", "labels", "suffix"),
    [
        (["a", "b"], ["a_mask", "b_mask"], "_mask"),
        (["1", "10", "100"], ["1-labels", "10-labels", "100-labels"], "-labels"),
        (["p/a", "p/b"], ["p/a_cp_masks", "p/b_cp_masks"], "_cp_masks"),
        (["a.ome", "b.ome"], ["a.ome (mask)", "b.ome (mask)"], " (mask)"),
        (["a", "b", "c"], ["a_x", "b_mask", "c_mask"], "_mask"),
        (["cell", "cell_2"], ["cell_2", "cell_3"], ""),
        (["a", "b"], ["c", "d"], ""),
        ([], [], ""),
    ],
)
def test_what_labels_have_behind_the_names_of_their_images(images, labels, suffix):
    assert common_suffix(images, labels) == suffix


@pytest.mark.parametrize("suffix", ["_mask", "-labels", "_cp_masks", ".seg", " (mask)", "_Maske ä", "_it's"])
def test_masks_with_a_suffix_are_one_finding_with_the_line_to_type(tmp_path, suffix):
    for k in range(20):
        write(tmp_path / "images" / f"{k}.png", k)
        write(tmp_path / "masks" / f"{k}{suffix}.png", k % 2)
    plain = config("data=folder", f"data.root={tmp_path}")
    (line,) = find_dataset(plain).findings  # and no word of the records that this leaves
    assert "20 files" in line
    assert f"named like images with {suffix} at the end; set {override(suffix)}" in line
    dataset = find_dataset(config("data=folder", f"data.root={tmp_path}", *shlex.split(override(suffix))))
    assert not dataset.findings
    assert len(dataset.records) == 20


def test_object_numbers_of_cellpose_in_masks_are_told_where_they_belong(tmp_path):
    for k in range(4):
        write(tmp_path / "images" / f"{k}.png", k)
        write(tmp_path / "masks" / f"{k}_cp_masks.png", k)
    assert "set data.suffix=_cp_masks and rename masks/ to instances/" in find(str(tmp_path), CLASSES).findings[0]
    (tmp_path / "masks").rename(tmp_path / "instances")
    dataset = find(str(tmp_path), CLASSES, suffix="_cp_masks")
    assert [record.instances.name for record in dataset.records] == [f"{k}_cp_masks.png" for k in range(4)]


def test_the_rest_is_still_named(tmp_path):
    for name in "abc":
        write(tmp_path / "images" / f"{name}.png")
    for name in ("a_mask", "b_mask", "z"):
        write(tmp_path / "masks" / f"{name}.png")
    lines = find(str(tmp_path), CLASSES).findings
    assert len(lines) == 3
    assert "c.png has no partner in masks/" in lines[1]
    assert "z.png has no partner in images/" in lines[2]


@pytest.mark.parametrize(("suffix", "kind"), [("_mask", "mask"), ("_cp_masks", "instances")])
def test_labels_that_lie_among_the_images(tmp_path, suffix, kind):
    for k in range(4):
        write(tmp_path / f"{k}.png", k)
        write(tmp_path / f"{k}{suffix}.png", k % 2)
    with pytest.raises(InputError, match=rf"4 files .*set data\.suffix={suffix} if they are the labels"):
        find(str(tmp_path), CLASSES)
    dataset = find(str(tmp_path), CLASSES, suffix=suffix)
    assert [(r.id, getattr(r, kind).name) for r in dataset.records] == [(f"{k}", f"{k}{suffix}.png") for k in range(4)]
    assert not dataset.notes


def test_pairs_in_nested_folders_go_by_their_paths(tmp_path):
    for name in ("p1/a", "p1/deep/a", "p2/a"):
        write(tmp_path / "images" / f"{name}.png", 9)
        write(tmp_path / "masks" / f"{name}.tif", name == "p2/a")
    dataset = find(str(tmp_path), CLASSES)
    assert [record.id for record in dataset.records] == ["p1/a", "p1/deep/a", "p2/a"]
    assert [int(dataset.read(record).mask.max()) for record in dataset.records] == [0, 0, 1]
    assert not dataset.findings


def test_masks_of_0_and_255_are_one_line_with_the_key(tmp_path, capsys):
    for k in range(20):
        write(tmp_path / "images" / f"{k}.png", k)
        path = tmp_path / "masks" / f"{k}.png"
        write(path)
        Image.fromarray(np.array([[0, 255]] * 4, np.uint8).repeat(2, 1)).save(path)
    assert main(["data=folder", f"data.root={tmp_path}", "--sheet", str(tmp_path / "sheet.png")]) == 1
    errors = [line for line in capsys.readouterr().out.splitlines() if line.startswith("error ")]
    assert len(errors) == 1
    assert "20 files" in errors[0]
    assert "set 'data.label_values={0:0,255:1}'" in errors[0]
