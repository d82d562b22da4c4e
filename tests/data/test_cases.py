"""Small sets in the form in which people have them, with the right reading kept beside each; needs the real data."""

import zipfile

import numpy as np
import pytest

from unet_lightning.data.folder import find

CELL, TWO = ["background", "cell"], ["background", "a", "b"]
SQUARE = np.zeros((72, 60), np.uint8)  # what is drawn in every picture of a case without a reading beside it
SQUARE[10:25, 10:30] = 1
CASES = {
    "dot_underscore": {},
    "dot_underscore_images_only": {},
    "valid_folder": {},
    "symlinked_folder": {},
    "labelme_backslash": {},
    "coco_backslash": {},
    "coco_labelstudio_116": {},
    "manifest_backslash": {},
    "nifti_scaled_image": {},
    "nifti_scl_slope_label": {},
    "nifti_label_other_orientation": {},
    "mask_1bit_tiff_miniswhite": {},
    "mask_palette_tiff_colors": {"classes": TWO},
    "mask_exif180_jpeg": {"threshold": 127},
    "png_called_tif": {},
    "mask_npy_1hw": {},
    "mask_npy_onehot_last": {"classes": TWO},
    "mask_rgba_alpha_only": {"label_values": {0: 0, 255: 1}},
    "imagej_zyx_as_channels": {"axes": "CYX"},
    "tiff_nodata": {},
    "qupath_geojson": {},
    "shaped_tiff_hwc5": {"axes": "YXC"},
}
SIDES = {"valid_folder": ["train", "train", "train", "val", "val", "test"]}


def unpacked(real_data, name, folder):
    with zipfile.ZipFile(real_data / "cases" / f"{name}.zip") as archive:
        archive.extractall(folder)
    return str(folder)


@pytest.mark.parametrize("name", CASES)
def test_a_case_is_read_as_it_is_meant(real_data, tmp_path, name):
    found = find(unpacked(real_data, name, tmp_path), **{"classes": CELL, **CASES[name]})
    right = dict(np.load(real_data / "cases" / f"{name}.npz"))
    assert not found.findings
    records = sorted(found.records, key=lambda record: (record.image.name, record.id))
    assert len(records) > 1
    for k, record in enumerate(records):
        sample = found.read(record)
        if not right:
            assert np.array_equal(sample.mask, SQUARE)
            continue
        image, mask = right[f"image{k}"], right[f"mask{k}"]
        image = image.reshape(*image.shape[:2], -1)
        data = (image != -9999).all(2)
        assert np.array_equal(sample.image[data], image[data])
        assert np.array_equal(sample.valid, (mask >= 0) & data)
        assert np.array_equal(sample.mask[sample.valid], mask[sample.valid])
        assert (name == "tiff_nodata") == (not data.all())
    assert [record.split for record in records] == SIDES.get(name, [""] * len(records))


@pytest.mark.parametrize(("name", "number"), [("coco_box_only", 18), ("coco_boxes_and_masks", 9)])
def test_boxes_are_refused_with_their_number_and_drawn_by_the_key(real_data, tmp_path, name, number):
    root = unpacked(real_data, name, tmp_path)
    (line,) = find(root, CELL).findings
    assert f"{number} of 18 objects have no outline ({number} boxes)" in line
    assert not find(root, CELL, boxes="draw").findings
