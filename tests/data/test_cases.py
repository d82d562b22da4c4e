"""Small sets as public reports and exporters have them, with the right reading beside each; needs the real data."""

import zipfile

import numpy as np
import pytest

from unet_lightning.data.folder import find

CASES = (
    *("dot_underscore", "dot_underscore_images_only", "valid_folder", "symlinked_folder"),
    *("labelme_backslash", "coco_backslash", "coco_labelstudio_116", "manifest_backslash"),
)
SIDES = {"valid_folder": ["train", "train", "train", "val", "val", "test"]}


def unpacked(real_data, name, folder):
    with zipfile.ZipFile(real_data / "cases" / f"{name}.zip") as archive:
        archive.extractall(folder)
    return str(folder)


@pytest.mark.parametrize("name", CASES)
def test_a_case_is_read_as_it_is_meant(real_data, tmp_path, name):
    found = find(unpacked(real_data, name, tmp_path), ["background", "cell"])
    right = np.load(real_data / "cases" / f"{name}.npz")
    assert not found.findings
    records = sorted(found.records, key=lambda record: record.image.name)
    for k, record in enumerate(records):
        sample = found.read(record)
        assert np.array_equal(np.where(sample.valid, sample.mask.astype(int), -1), right[f"mask{k}"])
        assert np.array_equal(sample.image.squeeze(), right[f"image{k}"].squeeze())
    assert [record.split for record in records] == SIDES.get(name, [""] * len(records))


@pytest.mark.parametrize(("name", "number"), [("coco_box_only", 18), ("coco_boxes_and_masks", 9)])
def test_boxes_are_refused_with_their_number_and_drawn_by_the_key(real_data, tmp_path, name, number):
    root = unpacked(real_data, name, tmp_path)
    (line,) = find(root, ["background", "cell"]).findings
    assert f"{number} of 18 objects have no outline ({number} boxes)" in line
    assert not find(root, ["background", "cell"], boxes="draw").findings
