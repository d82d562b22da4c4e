"""The same label maps in every form come back as they were."""

import json

import cv2
import numpy as np
import pytest
from scipy.ndimage import binary_dilation, binary_erosion

from tests.data import forms
from unet_lightning.data.folder import find

PAIRS = forms.label_maps()


def read_all(root, **options):
    found = find(str(root), forms.CLASSES, **options)
    assert not found.findings
    assert len(found.records) == len(PAIRS)
    return {record.id: found.read(record) for record in found.records}


@pytest.mark.parametrize("form", forms.SEMANTIC | forms.OBJECTS)
def test_label_maps_come_back_as_they_were(tmp_path, form):
    write, options = (forms.SEMANTIC | forms.OBJECTS)[form]
    root = tmp_path / "my sét"
    write(root, PAIRS)
    samples = read_all(root, **options)
    for k, (mask, objects) in enumerate(PAIRS):
        assert samples[str(k)].valid.all()
        assert np.array_equal(samples[str(k)].mask, mask)
        if form in forms.OBJECTS:
            assert forms.same_objects(samples[str(k)].instances, objects)


def test_a_volume_gives_its_slices_and_is_their_group(tmp_path):
    pairs = [(mask[:40, :34], None) for mask, _ in PAIRS]
    forms.volume(tmp_path, pairs)
    found = find(str(tmp_path), forms.CLASSES)
    assert [(r.id, r.page, r.group) for r in found.records] == [(f"p/{k:04d}", k, "p") for k in range(6)]
    for record, (mask, _) in zip(found.records, pairs, strict=True):
        sample = found.read(record)
        assert np.array_equal(sample.mask, mask)
        assert np.array_equal(sample.image[..., 0], mask.astype(np.int16) * 100 - 50)


@pytest.mark.parametrize("form", ["coco", "labelme"])
def test_a_polygon_off_the_pixel_edges_is_right_within_a_pixel_of_its_border(tmp_path, form):
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    corners = np.stack([20.3 + 11.7 * np.cos(angle), 17.8 + 9.4 * np.sin(angle)], 1)
    y, x = np.mgrid[:40, :44] + 0.5
    inside = ((x - 20.3) / 11.7) ** 2 + ((y - 17.8) / 9.4) ** 2 <= 1
    mask = inside.astype(np.uint8)
    forms.images(tmp_path, [(mask, None)], "." if form == "labelme" else "images")
    if form == "labelme":
        shape = {"label": "cell", "shape_type": "polygon", "points": corners.tolist()}
        (tmp_path / "0.json").write_text(json.dumps({"shapes": [shape], "imagePath": "0.png"}))
    else:
        forms.coco_file(tmp_path, [(mask, mask)], lambda where: [corners.ravel().tolist()], folder="")
    found = find(str(tmp_path), ["background", "cell"])
    drawn = found.read(found.records[0]).mask > 0
    assert not (drawn ^ inside)[binary_erosion(inside) | ~binary_dilation(inside)].any()
    assert (drawn ^ inside).sum() < 0.1 * inside.sum()


def boxes(*corners, shape=(20, 20)):
    """Two overlapping objects and their order in the file."""
    mask = np.zeros(shape, bool)
    for top, left, bottom, right in corners:
        mask[top:bottom, left:right] = True
    return mask


SMALL_BOX, LARGE_BOX = boxes((8, 8, 12, 12)), boxes((2, 2, 18, 18))


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_of_overlapping_objects_in_a_table_the_smaller_lies_on_top(tmp_path, order):
    forms.images(tmp_path, [(np.zeros((20, 20), np.uint8), None)])
    rows = {1: f"0,cell,{forms.down_the_columns(SMALL_BOX)}", 2: f"0,debris,{forms.down_the_columns(LARGE_BOX)}"}
    (tmp_path / "manifest.csv").write_text("\n".join(["ImageId,ClassId,EncodedPixels", *(rows[k] for k in order)]))
    found = find(str(tmp_path), forms.CLASSES)
    assert np.array_equal(found.read(found.records[0]).mask, 2 * LARGE_BOX.astype(int) - SMALL_BOX)


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_of_overlapping_shapes_of_labelme_the_later_lies_on_top(tmp_path, order):
    forms.images(tmp_path, [(np.zeros((20, 20), np.uint8), None)], ".")
    shapes = {
        1: {"label": "cell", "shape_type": "rectangle", "points": [[8, 8], [12, 12]]},
        2: {"label": "debris", "shape_type": "rectangle", "points": [[18, 18], [2, 2]]},
    }
    (tmp_path / "0.json").write_text(json.dumps({"shapes": [shapes[k] for k in order], "imagePath": "0.png"}))
    found = find(str(tmp_path), forms.CLASSES)
    expected = 2 * LARGE_BOX.astype(int) - SMALL_BOX if order == (2, 1) else 2 * LARGE_BOX.astype(int)
    assert np.array_equal(found.read(found.records[0]).mask, expected)


def test_labelmes_own_words_groups_and_circles(tmp_path):
    forms.images(tmp_path, [(np.zeros((30, 30), np.uint8), None)], ".")
    shapes = [
        {"label": "cell", "shape_type": "rectangle", "group_id": 4, "points": [[0, 0], [3, 3]]},
        {"label": "cell", "shape_type": "rectangle", "group_id": 4, "points": [[6, 0], [9, 3]]},
        {"label": "cell", "shape_type": "circle", "group_id": None, "points": [[20, 20], [25, 20]]},
        {"label": "__ignore__", "shape_type": "rectangle", "group_id": None, "points": [[0, 10], [8, 30]]},
        {"label": "_background_", "shape_type": "rectangle", "group_id": None, "points": [[10, 0], [14, 4]]},
    ]
    (tmp_path / "0.json").write_text(json.dumps({"shapes": shapes, "imagePath": "0.png"}))
    found = find(str(tmp_path), forms.CLASSES)
    sample = found.read(found.records[0])
    assert sample.instances[0, 0] == sample.instances[0, 7] != sample.instances[20, 20]
    assert sample.instances.max() == 2
    y, x = np.mgrid[:30, :30] + 0.5
    circle = np.hypot(x - 20, y - 20) < 5
    assert ((sample.instances == sample.instances[20, 20]) ^ circle).sum() < 6
    assert not sample.valid[10:30, :8].any()
    assert sample.valid.sum() == 900 - 160


def test_a_crowd_counts_nowhere_where_no_single_object_lies(tmp_path):
    pairs = PAIRS[:1]
    content = forms.coco_file(tmp_path, pairs, forms.compressed)
    crowd = np.zeros(pairs[0][0].shape, bool)
    crowd[:20] = True
    segmentation = forms.uncompressed(crowd)
    content["annotations"].append(
        {"id": 1, "image_id": 900, "category_id": 3, "iscrowd": 1, "segmentation": segmentation}
    )
    (tmp_path / "annotations.json").write_text(json.dumps(content))
    found = find(str(tmp_path), forms.CLASSES)
    sample = found.read(found.records[0])
    assert np.array_equal(sample.valid, ~crowd | (pairs[0][0] > 0))
    assert forms.same_objects(sample.instances, pairs[0][1])


def test_a_run_length_table_without_classes_and_an_image_without_objects(tmp_path):
    forms.images(tmp_path, PAIRS[:2])
    rows = [f"0,{forms.down_the_columns(PAIRS[0][0] > 0)}", "1.png,"]
    (tmp_path / "manifest.csv").write_text("\r\n".join(["ImageId,EncodedPixels", *rows]))
    found = find(str(tmp_path), ["background", "cell"])
    first, second = (found.read(record) for record in found.records)
    assert np.array_equal(first.mask, PAIRS[0][0] > 0)
    assert not second.mask.any()


def test_numbers_of_objects_over_65535_stay_apart(tmp_path):
    objects = np.arange(1, 301 * 301 + 1).reshape(301, 301)
    (tmp_path / "images").mkdir()
    (tmp_path / "instances").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "a.png"), np.zeros((301, 301), np.uint8))
    np.save(tmp_path / "instances" / "a.npy", objects * 10**9)
    found = find(str(tmp_path), ["background", "cell"])
    assert np.array_equal(found.read(found.records[0]).instances, objects)


def test_one_mask_a_class_beside_instances(tmp_path):
    forms.one_a_class(tmp_path, PAIRS)
    (tmp_path / "instances").mkdir()
    for k, (_, objects) in enumerate(PAIRS):
        cv2.imwrite(str(tmp_path / "instances" / f"{k}.png"), objects.astype(np.uint16))
    samples = read_all(tmp_path)
    for k, (mask, objects) in enumerate(PAIRS):
        assert np.array_equal(samples[str(k)].mask, mask)
        assert forms.same_objects(samples[str(k)].instances, objects)
