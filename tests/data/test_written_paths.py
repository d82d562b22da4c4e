"""Names in JSON and CSV that were written on another machine."""

import json
import unicodedata

import cv2
import numpy as np
import pytest

from tests.data import forms
from unet_lightning.data.folder import find

PAIRS = forms.label_maps()[:3]


def masks_of(root):
    found = find(str(root), forms.CLASSES)
    assert not found.findings
    return [found.read(record).mask for record in found.records], found.notes


def renamed(root, rename):
    content = json.loads((root / "annotations.json").read_text())
    for image in content["images"]:
        image["file_name"] = rename(image["file_name"])
    (root / "annotations.json").write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("rename", "notes"),
    [
        (lambda name: f"images\\{name}", 0),
        (lambda name: f"C:\\sets\\{name}", 1),
        (lambda name: f"/data/upload/3/0a1b2c3d-{name}", 1),
        (lambda name: f"/data/local-files/?d=images/{name}", 0),
    ],
)
def test_coco_of_windows_and_of_label_studio(tmp_path, rename, notes):
    forms.coco_file(tmp_path, PAIRS, forms.polygons)
    renamed(tmp_path, rename)
    (tmp_path / "masks").mkdir()
    cv2.imwrite(str(tmp_path / "masks" / "0.png"), PAIRS[0][0])  # of an equal name, and no image
    found, said = masks_of(tmp_path)
    for mask, (expected, _) in zip(found, PAIRS, strict=True):
        assert np.array_equal(mask, expected)
    assert sum("3 files (" in note for note in said) == notes


@pytest.mark.parametrize("prefix", ["..\\images\\", "C:\\me\\", ""])
def test_labelme_of_windows(tmp_path, prefix):
    forms.images(tmp_path, PAIRS)
    for k, (mask, objects) in enumerate(PAIRS):
        forms.labelme_file(tmp_path / "images" / f"{k}.json", f"{prefix}{k}.png", mask, objects)
    for mask, (expected, _) in zip(masks_of(tmp_path)[0], PAIRS, strict=True):
        assert np.array_equal(mask, expected)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("prefix", ["", ".\\", "D:\\sets\\my set\\"])
def test_a_manifest_of_windows_in_every_dialect(tmp_path, delimiter, prefix):
    forms.write_pictures(forms.index_png)(tmp_path, PAIRS)
    rows = [
        [f"{prefix}images\\{k}.png", f"{prefix}masks\\{k}.png", "a,b"[: 1 if delimiter == "," else 3]] for k in range(3)
    ]
    lines = [delimiter.join(row) for row in [["image", "mask", "kind"], *rows]]
    (tmp_path / "manifest.csv").write_bytes("\r\n".join(lines).encode("utf-8-sig"))
    found, notes = masks_of(tmp_path)
    for mask, (expected, _) in zip(found, PAIRS, strict=True):
        assert np.array_equal(mask, expected)
    assert len(notes) == (prefix[1:2] == ":")


def test_ids_of_files_that_were_found_by_their_ends_are_their_paths_here(tmp_path):
    forms.write_pictures(forms.index_png)(tmp_path / "csv", PAIRS)
    rows = [f"D:\\set\\images\\{k}.png,D:\\set\\masks\\{k}.png" for k in range(3)]
    (tmp_path / "csv" / "manifest.csv").write_text("\n".join(["image,mask", *rows]))
    forms.coco_file(tmp_path / "json", PAIRS, forms.polygons)
    renamed(tmp_path / "json", lambda name: f"D:\\set\\images\\{name}")
    for place, expected in (("csv", "images/{}"), ("json", "images/{}")):
        found = find(str(tmp_path / place), forms.CLASSES)
        assert [record.id for record in found.records] == [expected.format(k) for k in range(3)]


def test_run_lengths_of_windows(tmp_path):
    forms.images(tmp_path, PAIRS)
    rows = [f"images\\{k}.png,1 {k + 4}" for k in range(3)]
    (tmp_path / "manifest.csv").write_text("\n".join(["ImageId,EncodedPixels", *rows]))
    found = find(str(tmp_path), ["background", "cell"])
    assert not found.findings
    assert [int(found.read(record).mask.sum()) for record in found.records] == [4, 5, 6]


def test_a_missing_mask_is_not_replaced_by_the_image_of_its_name(tmp_path):
    forms.write_pictures(forms.index_png)(tmp_path, PAIRS)
    rows = [f"images/{k}.png,masks/{k}.png" for k in range(3)]
    (tmp_path / "manifest.csv").write_text("\n".join(["image,mask", *rows]))
    (tmp_path / "masks" / "1.png").unlink()
    assert find(str(tmp_path), forms.CLASSES).records[1].mask == tmp_path / "masks" / "1.png"


def test_names_with_accents_pair_however_they_are_stored(tmp_path):
    for kind, form in (("images", "NFC"), ("masks", "NFD")):
        (tmp_path / kind).mkdir()
        cv2.imwrite(str(tmp_path / kind / unicodedata.normalize(form, "zäh.png")), PAIRS[0][0])
    assert [record.id for record in find(str(tmp_path), forms.CLASSES).records] == ["zäh"]


def test_labelme_in_nested_folders(tmp_path):
    for k, (mask, objects) in enumerate(PAIRS):
        place = tmp_path / "images" / f"p{k}"
        forms.images(place, [(mask, None)], ".")
        forms.labelme_file(place / "0.json", "0.png", mask, objects)
    found = find(str(tmp_path), forms.CLASSES)
    assert [record.id for record in found.records] == ["p0/0", "p1/0", "p2/0"]
    assert np.array_equal(found.read(found.records[2]).mask, PAIRS[2][0])


def test_missing_images_whose_names_hold_spaces_are_one_finding(tmp_path):
    forms.coco_file(tmp_path, PAIRS, forms.polygons)
    renamed(tmp_path, lambda name: f"one of{' my' * int(name[0])} {name}")
    (finding,) = find(str(tmp_path), forms.CLASSES).findings
    assert "names 3 files (one of 0.png, one of my 1.png, one of my my 2.png), which are not in" in finding


def test_images_that_a_table_of_run_lengths_names_in_vain_are_one_finding_with_their_rows(tmp_path):
    forms.images(tmp_path, PAIRS)
    rows = [*(f"{k},1 4" for k in range(3)), "my cell,1 4", "my cell,9 4", "x,1 4"]
    (tmp_path / "manifest.csv").write_text("\n".join(["ImageId,EncodedPixels", *rows]))
    (finding,) = find(str(tmp_path), ["background", "cell"]).findings
    assert "names 2 images (my cell (row 5), x (row 7)), not in its folder" in finding
