"""Published layouts and forms of label, spoilt: refused before training, with the file and what mends it."""

import json
import re
import shutil
import sys
from functools import cache

import cv2
import nibabel
import numpy as np
import pytest
import scipy.io
import tifffile
from PIL import Image

from tests.data import forms, layouts
from tests.small import config
from unet_lightning.error import InputError
from unet_lightning.pipeline.build import build_data_module

REMEDIES = ("add ", "copy ", "correct ", "give ", "make ", "save ", "set ", "store ", "take ")
LABELS = {
    "coco": "annotations/instances_train2017.json",
    "voc": "SegmentationClass/2007_000001.png",
    "cityscapes": "gtFine/train/stadt0/stadt0_000001_000019_gtFine_labelIds.png",
    "camvid": "trainannot/0001TP_001.png",
    "stanford_background": "labels/1.regions.txt",
    "barcelona": "SemanticLabels/spatial envelope/pic 1.mat",
    "msrc": "GroundTruth/1_1_s_GT.bmp",
    "lits": "Training Batch 2/segmentation-1.nii.gz",
    "isbi2012": "train-labels.tif",
    "ctc": "01_GT/SEG/man_seg002.tif",
    "dsb2018": "stage1_train/00000001/masks/1.png",
    "drive": "training/1st_manual/22_manual1.gif",
}
IMAGES = {
    "coco": "train2017/1.png",
    "voc": "JPEGImages/2007_000001.jpg",
    "cityscapes": "leftImg8bit/train/stadt0/stadt0_000001_000019_leftImg8bit.png",
    "camvid": "train/0001TP_001.png",
    "stanford_background": "images/1.jpg",
    "barcelona": "Images/spatial envelope/pic 1.jpg",
    "msrc": "Images/1_1_s.bmp",
    "lits": "Training Batch 2/volume-1.nii.gz",
    "isbi2012": "train-volume.tif",
    "ctc": "01/t002.tif",
    "dsb2018": "stage1_train/00000001/images/00000001.png",
    "drive": "training/images/22_training.tif",
}


@cache
def composed(name, overrides):
    return config(f"data={name}", "data.root=''", "data.num_workers=0", *overrides)


def refused(name, root, *overrides):
    """What a run says about a set that it refuses."""
    plain = composed(name, overrides)
    with pytest.raises(InputError) as caught:
        build_data_module(plain | {"data": plain["data"] | {"root": str(root)}})
    message = str(caught.value)
    assert any(word in message for word in REMEDIES)
    return message


@pytest.fixture
def written(tmp_path, request):
    root = tmp_path / "ein Sätz"
    root.mkdir()
    layouts.WRITERS[request.param](root, forms.label_maps())
    return root


def named(message, path):
    """Whether a message names a file, or as its partner's the name both share."""
    stem = path.name.split(".")[0]
    shared = stem.removesuffix("_GT").removesuffix("_labelIds").removesuffix("_gtFine").removesuffix("_manual1")
    shared = shared.removesuffix("_training").removesuffix("_leftImg8bit").removeprefix("segmentation-")
    return path.name in message or shared.removeprefix("volume-") in message


@pytest.mark.parametrize(
    ("written", "name", "half"),
    [(n, n, half) for n in layouts.WRITERS for half in ("label", "image") if (n, half) != ("ctc", "label")],
    indirect=["written"],
)  # a frame without a gold label is no error, a gold label without its frame is
def test_half_a_pair_is_missing(written, name, half):
    path = written / (LABELS if half == "label" else IMAGES)[name]
    if name == "dsb2018" and half == "label":
        shutil.rmtree(path.parent)
        path = path.parent.parent
    elif name == "coco" and half == "label":
        content = json.loads(path.read_text())
        content["annotations"][0]["image_id"] = 5
        path.write_text(json.dumps(content))
    else:
        path.unlink()
    assert named(refused(name, written), path)


@pytest.mark.parametrize("half", ["label", "image"])
@pytest.mark.parametrize(("written", "name"), [(n, n) for n in layouts.WRITERS], indirect=["written"])
def test_a_truncated_file(written, name, half):
    path = written / (LABELS if half == "label" else IMAGES)[name]
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3 - 4])
    assert path.name in refused(name, written)


def resized(path):
    """Write a label again with three rows less, in whatever it is stored."""
    if path.suffix == ".txt":
        path.write_text("\n".join(path.read_text().splitlines()[3:]))
    elif path.suffix == ".mat":
        content = scipy.io.loadmat(path)
        scipy.io.savemat(path, {"S": content["S"][3:], "names": content["names"]})
    elif path.suffix == ".gz":
        label = nibabel.load(path)
        nibabel.save(nibabel.Nifti1Image(np.asarray(label.dataobj)[3:], np.eye(4)), path)
    elif path.suffix == ".tif":
        stored = tifffile.imread(path)
        tifffile.imwrite(path, stored[..., 3:, :])
    elif path.suffix == ".json":
        content = json.loads(path.read_text())
        content["images"][0]["height"] -= 3
        path.write_text(json.dumps(content))
    else:
        with Image.open(path) as picture:
            smaller = picture.crop((0, 3, *picture.size))
        smaller.save(path)


@pytest.mark.parametrize(("written", "name"), [(n, n) for n in layouts.WRITERS], indirect=["written"])
def test_a_label_of_the_wrong_size(written, name):
    resized(written / LABELS[name])
    assert (written / LABELS[name]).name in refused(name, written)


@pytest.mark.parametrize("name", ["voc", "camvid", "barcelona"])
def test_a_list_that_names_what_is_not_there(tmp_path, name):
    layouts.WRITERS[name](tmp_path, forms.label_maps())
    lists = {
        "voc": ("ImageSets/Segmentation/train.txt", "2008_000099"),
        "camvid": ("train.txt", "/SegNet/CamVid/train/0099TP_1.png /SegNet/CamVid/trainannot/0099TP_1.png"),
        "barcelona": ("TestSet1.txt", "spatial envelope\\pic 99.jpg"),
    }
    path, line = lists[name]
    with (tmp_path / path).open("a") as file:
        file.write(f"\r\n{line}\r\n")
    assert "99" in refused(name, tmp_path)


def test_an_object_number_over_65535_of_a_published_set(tmp_path):
    layouts.ctc(tmp_path, forms.label_maps())
    path = tmp_path / LABELS["ctc"]
    stored = tifffile.imread(path)
    tifffile.imwrite(path, stored.astype(np.uint32) * 70_000)
    data = build_data_module(config("data=ctc", f"data.root={tmp_path}", "data.num_workers=0"))
    record = next(r for r in data.dataset.records if r.id == "01/t002")
    assert forms.same_objects(data.dataset.read(record).instances, stored)


def annotations(tmp_path, **changes):
    content = forms.coco_file(tmp_path, forms.label_maps(), forms.polygons)
    content["annotations"][0] |= changes
    (tmp_path / "annotations.json").write_text(json.dumps(content))
    return refused("folder", tmp_path, f"data.classes=[{','.join(forms.CLASSES)}]")


@pytest.mark.parametrize(
    ("segmentation", "words"),
    [
        ([[0, 0, 1000, 0, 1000, 20]], "beyond its image"),
        ([[-8, 0, 10, 0, 10, 20]], "beyond its image"),
        ([[0, 0, float("nan"), 0, 10, 20]], "three corners"),
        ([[0, 0, 10, 0]], "three corners"),
        ([[0, 0, 10, 0, 10]], "three corners"),
        ([["a", 0, 10, 0, 10, 9]], "three corners"),
        ({"size": [3, 3], "counts": [9]}, r"run lengths for \[3, 3\]"),
        ({"size": [40, 34], "counts": [9]}, "damaged run lengths"),
        ({"size": [40, 34], "counts": "zzzzzz"}, "damaged run lengths"),
        ({"size": [40, 34], "counts": ""}, "damaged run lengths"),
        (None, "no polygons and no run lengths"),
    ],
)
def test_an_object_that_can_not_be_drawn(tmp_path, segmentation, words):
    message = annotations(tmp_path, segmentation=segmentation)
    assert "annotations.json, annotation 900100000000 of 0.png" in message
    assert re.search(words, message)


@pytest.mark.parametrize("change", [{"image_id": 1}, {"category_id": 99}])
def test_an_annotation_of_nothing(tmp_path, change):
    assert "annotations.json: annotations name the" in annotations(tmp_path, **change)


def test_a_category_that_no_class_is_named_after(tmp_path):
    forms.coco_file(tmp_path, forms.label_maps(), forms.polygons)
    assert "set 'data.classes=[background,cell,debris]'" in refused(
        "folder", tmp_path, "data.classes=[background,cell]"
    )
    message = refused("folder", tmp_path, "data.classes=[background,cell,debri]")
    assert "has no debri; correct the name: did you mean 'debris'?" in message


@pytest.mark.parametrize("form", ["coco", "labelme"])
def test_json_that_names_a_missing_image(tmp_path, form):
    if form == "coco":
        forms.coco_file(tmp_path, forms.label_maps(), forms.polygons)
        (tmp_path / "images" / "2.png").unlink()
    else:
        forms.labelme()(tmp_path, forms.label_maps())
        (tmp_path / "2.png").unlink()
    message = refused("folder", tmp_path, "data.classes=[background,cell,debris]")
    assert "2.png, which is not" in message


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"imageHeight": 99}, "drawn on 99x34, its image is 40x34"),
        ({"imagePath": None}, "has no imagePath"),
        ({"shapes": 3}, "no list of shapes"),
        ({"shapes": [{"label": "cel", "points": [[0, 0], [4, 0], [4, 4]]}]}, "a shape is called cel"),
        ({"shapes": [{"label": "cell", "points": [[0, 0], [400, 0], [4, 4]]}]}, "beyond its image"),
        ({"shapes": [{"label": "cell", "shape_type": "line", "points": [[0, 0], [4, 4]]}]}, "has no area"),
        ({"shapes": [{"label": "cell", "shape_type": "circle", "points": [[0, 0]]}]}, "can't be read"),
        ({"shapes": [{"label": "cell", "shape_type": "mask", "points": [[0, 0]], "mask": "eA=="}]}, "can't be read"),
    ],
)
def test_a_labelme_file_that_can_not_be_read(tmp_path, change, words):
    forms.labelme()(tmp_path, forms.label_maps())
    content = json.loads((tmp_path / "0.json").read_text()) | change
    (tmp_path / "0.json").write_text(json.dumps(content))
    message = refused("folder", tmp_path, "data.classes=[background,cell,debris]")
    assert "0.json" in message
    assert words in message


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("0,1 20000", "ends beyond the 1360 pixels"),
        ("0,0 5", "from 1"),
        ("0,4", "pairs of start and length"),
        ("0,a b", "pairs of start and length"),
        ("9,1 4", "names 9 (row 2), not in its folder"),
    ],
)
def test_a_row_of_run_lengths_that_can_not_be(tmp_path, row, words):
    pairs = forms.label_maps()
    forms.images(tmp_path, pairs)
    rows = ["ImageId,EncodedPixels", row, *(f"{k},1 4" for k in range(6))]
    (tmp_path / "manifest.csv").write_text("\n".join(rows))
    assert words in refused("folder", tmp_path)


def test_an_image_without_a_row_of_run_lengths(tmp_path):
    forms.images(tmp_path, forms.label_maps())
    (tmp_path / "manifest.csv").write_text("\n".join(["ImageId,EncodedPixels", *(f"{k},1 4" for k in range(5))]))
    assert "5.png has no row" in refused("folder", tmp_path)


@pytest.mark.parametrize(
    ("form", "spoil", "words"),
    [
        ("npy", lambda path: np.save(path, np.array([{"a": 1}], object)), "0.npy"),
        ("npy", lambda path: path.write_bytes(path.read_bytes()[:-100]), "0.npy"),
        ("npy", lambda path: np.save(path, np.zeros((4, 4, 4, 4))), "(H, W) or (H, W, C)"),
        ("mat", lambda path: path.write_bytes(path.read_bytes()[:-40]), "0.mat"),
        ("mat", lambda path: scipy.io.savemat(path, {"other": np.zeros((4, 4))}), "set data.variable"),
        ("mat", lambda path: path.write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + b"\0\2IM" + b"\0" * 512), "-v7"),
        ("NIfTI", lambda path: path.write_bytes(path.read_bytes()[:500]), "0.nii"),
        ("NIfTI gz", lambda path: path.write_bytes(path.read_bytes()[:-30]), "0.nii.gz"),
    ],
)
def test_a_file_of_numbers_that_can_not_be_read(tmp_path, form, spoil, words):
    write, options = forms.SEMANTIC[form]
    write(tmp_path, forms.label_maps())
    spoil(next(path for path in (tmp_path / "masks").iterdir() if path.name.startswith("0.")))
    overrides = [f"data.{key}={value}" for key, value in options.items()]
    message = refused("folder", tmp_path, "data.classes=[background,cell,debris]", *overrides)
    assert words in message


def test_one_mask_a_class_needs_its_classes_and_two_values(tmp_path):
    forms.one_a_class(tmp_path, forms.label_maps())
    assert "set 'data.classes=[background,cell,debris]'" in refused("folder", tmp_path)
    smooth = cv2.GaussianBlur(forms.label_maps()[0][0] * 100, (5, 5), 2)
    cv2.imwrite(str(tmp_path / "masks" / "cell" / "0.png"), smooth)
    message = refused("folder", tmp_path, "data.classes=[background,cell,debris]")
    assert "masks/cell/0.png" in message
    assert "data.threshold=127" in message
    (tmp_path / "masks" / "debris" / "3.png").unlink()
    assert "3.png has no partner in masks/debris/" in refused(
        "folder", tmp_path, "data.classes=[background,cell,debris]"
    )


@pytest.mark.parametrize(("module", "extra"), [("pycocotools.mask", "coco"), ("nibabel", "nifti")])
def test_a_library_that_is_not_installed_is_named_with_its_extra(tmp_path, monkeypatch, module, extra):
    monkeypatch.setitem(sys.modules, module, None)
    if extra == "coco":
        forms.coco_file(tmp_path, forms.label_maps(), forms.polygons)
    else:
        forms.volume(tmp_path, [(mask[:40, :34], None) for mask, _ in forms.label_maps()])
    message = refused("folder", tmp_path, "data.classes=[background,cell,debris]")
    assert f"pip install 'unet-lightning[{extra}]'" in message
