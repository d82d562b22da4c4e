"""Objects of COCO and labelme files that have no outline: counted, refused, or drawn where that is wanted."""

import json

import numpy as np
import pytest

from tests.data import forms
from tests.small import config
from unet_lightning.data.folder import find
from unet_lightning.pipeline.find import find_dataset

SHAPE = (40, 34)


def box(number, **changes):
    left, top = 2 + 9 * (number % 3), 3 + 12 * (number // 3)
    one = {"id": number, "image_id": 1, "category_id": 1, "iscrowd": 0, "bbox": [left, top, 6, 4], "segmentation": []}
    return one | changes


def polygon(number):
    left, top, width, height = box(number)["bbox"]
    corners = [left, top, left + width, top, left + width, top + height, left, top + height]
    return box(number, segmentation=[corners])


def drawn(*numbers):
    mask = np.zeros(SHAPE, np.uint8)
    for left, top, width, height in (box(number)["bbox"] for number in numbers):
        mask[top : top + height, left : left + width] = 1
    return mask


def coco(root, *annotations):
    forms.images(root, [(np.zeros(SHAPE, np.uint8), None)])
    images = [{"id": 1, "file_name": "0.png", "height": SHAPE[0], "width": SHAPE[1]}]
    content = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "cell"}]}
    (root / "annotations.json").write_text(json.dumps(content))


def found(root, **options):
    dataset = find(str(root), ["background", "cell"], **options)
    return dataset, dataset.read(dataset.records[0])


@pytest.mark.parametrize("segmentation", [[], None])
def test_boxes_alone_are_refused_with_their_number_and_the_key_that_draws_them(tmp_path, segmentation):
    coco(tmp_path, *(box(k, segmentation=segmentation) for k in range(3)))
    dataset, _ = found(tmp_path)
    (line,) = dataset.findings
    assert "3 of 3 objects have no outline (3 boxes)" in line
    assert "set data.boxes=draw" in line
    dataset, sample = found(tmp_path, boxes="draw")
    assert not dataset.findings
    assert np.array_equal(sample.mask, drawn(0, 1, 2))
    assert sample.instances.max() == 3


def test_one_is_said_as_one(tmp_path):
    for others, came in (([], "1 of 1 object"), ([polygon(1)], "1 of 2 objects")):
        coco(tmp_path, box(0), *others)
        (line,) = found(tmp_path)[0].findings
        assert f"{came} has no outline (1 box) and" in line


@pytest.mark.parametrize(("outlined", "refused"), [(2, True), (3, False), (4, False)])
def test_half_of_the_objects_is_too_many(tmp_path, outlined, refused):
    coco(tmp_path, box(0), box(1), *(polygon(k) for k in range(2, 2 + outlined)))
    dataset, sample = found(tmp_path)
    assert [f"2 of {2 + outlined} objects" in line for line in dataset.findings] == [True] * refused
    assert [f"2 of {2 + outlined} objects" in line for line in dataset.notes] == [True] * (not refused)
    assert np.array_equal(sample.mask, drawn(*range(2, 2 + outlined)))


def test_the_pixels_of_boxes_count_nowhere_where_that_is_wanted(tmp_path):
    coco(tmp_path, box(0), box(1), polygon(2))
    dataset, sample = found(tmp_path, boxes="ignore")
    assert not dataset.findings
    assert np.array_equal(sample.mask, drawn(2))
    assert np.array_equal(sample.valid, drawn(0, 1) == 0)


def test_crowds_keypoints_and_nothing_at_all_are_counted_by_kind(tmp_path):
    crowd = {"size": list(SHAPE), "counts": [30, 10, SHAPE[0] * SHAPE[1] - 40]}
    others = [box(5, bbox=None, keypoints=[1, 2, 2]), box(6, bbox=[1, 1, 0, 0]), box(7, bbox=None)]
    coco(tmp_path, *(polygon(k) for k in range(4)), box(4, segmentation=crowd, iscrowd=1), *others)
    notes = "\n".join(found(tmp_path)[0].notes)
    assert "1 crowd, ignored" in notes
    assert "3 of 8 objects have no outline (2 empty outlines, 1 keypoints)" in notes
    assert "take them out of the file" in notes


def test_the_published_set_counts_its_chosen_categories_alone(tmp_path):
    content = forms.coco_file(tmp_path, forms.label_maps(), forms.polygons, "annotations/instances_train.json", "train")
    for one in content["annotations"]:
        one.update({"segmentation": [], "bbox": [1, 1, 5, 4]} if one["category_id"] == 7 else {})
    (tmp_path / "annotations" / "instances_train.json").write_text(json.dumps(content))
    base = ["data=coco", f"data.root={tmp_path}"]
    assert "boxes" in find_dataset(config(*base, "data.categories=[debris]")).findings[0]
    assert not find_dataset(config(*base, "data.categories=[debris]", "data.boxes=draw")).findings
    cells = find_dataset(config(*base, "data.categories=[cell]"))
    assert not cells.findings
    assert not cells.notes


def test_shapes_of_labelme_without_an_area_are_counted_by_kind(tmp_path):
    forms.labelme()(tmp_path, forms.label_maps()[:1])
    content = json.loads((tmp_path / "0.json").read_text())
    kinds = ("point", "point", "linestrip")
    content["shapes"] += [{"label": "cell", "shape_type": kind, "points": [[1, 1]]} for kind in kinds]
    (tmp_path / "0.json").write_text(json.dumps(content))
    dataset = find(str(tmp_path), forms.CLASSES)
    with pytest.raises(ValueError, match=r"3 of \d+ shapes have no area \(2 of kind point, 1 of kind linestrip\)"):
        dataset.read(dataset.records[0])
