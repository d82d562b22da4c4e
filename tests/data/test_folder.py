import numpy as np
import pytest
from PIL import Image

from unet_lightning.data.folder import find
from unet_lightning.error import InputError

CLASSES = ("background", "cell")


def write(path, value=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((4, 4), value, np.uint8)).save(path)


def test_pairs_by_name(tmp_path):
    for name in ("b", "a"):
        write(tmp_path / "images" / f"{name}.png")
        write(tmp_path / "masks" / f"{name}.tif")
    records = find(str(tmp_path), CLASSES).records
    assert [(r.id, r.image.name, r.mask.name, r.split) for r in records] == [
        ("a", "a.png", "a.tif", ""),
        ("b", "b.png", "b.tif", ""),
    ]


def test_published_split_folders(tmp_path):
    for split in ("train", "val", "test"):
        write(tmp_path / split / "images" / f"{split}1.png")
        write(tmp_path / split / "instances" / f"{split}1.png")
    assert [(r.id, r.split) for r in find(str(tmp_path), CLASSES).records] == [
        ("train/train1", "train"),
        ("val/val1", "val"),
        ("test/test1", "test"),
    ]


def test_both_halves_without_a_partner_are_named_with_the_remedy(tmp_path):
    write(tmp_path / "images" / "a.png")
    write(tmp_path / "images" / "b.png")
    write(tmp_path / "masks" / "b.png")
    write(tmp_path / "masks" / "c.png")
    found = find(str(tmp_path), CLASSES)
    assert [record.id for record in found.records] == ["b"]
    message = "\n".join(found.findings)
    assert "images/a.png has no partner in masks/" in message
    assert "masks/c.png has no partner in images/" in message
    assert "same name" in message


def test_a_manifest_with_windows_line_ends_and_a_byte_order_mark(tmp_path):
    text = "image,mask,split,group,kind\r\nx/ä b.png,m.png,train,p1,dark\r\n"
    (tmp_path / "manifest.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    (record,) = find(str(tmp_path), CLASSES).records
    assert (record.id, record.image, record.mask) == ("x/ä b", tmp_path / "x/ä b.png", tmp_path / "m.png")
    assert (record.split, record.group, record.kind) == ("train", "p1", "dark")


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (lambda root: None, "data.root"),
        (lambda root: root.mkdir(), "holds no pictures"),
        (lambda root: write(root / "images" / "a.png"), "no masks/ and no instances/"),
        (lambda root: [write(root / "images" / f"a{s}") for s in (".png", ".tif")], "share a name"),
    ],
)
def test_a_folder_that_cannot_be_used_says_what_was_expected(tmp_path, prepare, words):
    prepare(tmp_path / "set")
    with pytest.raises(InputError, match=words):
        find(str(tmp_path / "set"), CLASSES)


def test_a_manifest_without_the_needed_columns(tmp_path):
    (tmp_path / "list.csv").write_text("picture,mask\na,b\n")
    with pytest.raises(InputError, match=r"\['mask', 'picture'\]; expected image and mask or instances"):
        find(str(tmp_path), CLASSES, manifest="list.csv")


def test_a_manifest_that_is_not_utf8(tmp_path):
    (tmp_path / "manifest.csv").write_bytes("image,mask\nä,b\n".encode("latin-1"))
    with pytest.raises(InputError, match="save it as CSV UTF-8"):
        find(str(tmp_path), CLASSES)


@pytest.mark.parametrize("row", ["m.png,", "m.png"])
def test_rows_that_are_no_records_are_findings(tmp_path, row):
    (tmp_path / "manifest.csv").write_text(f"mask,image\nm.png,i.png\n{row}\n")
    found = find(str(tmp_path), CLASSES)
    assert "correct the row" in found.findings[0]
    assert not found.records


def test_what_systems_leave_behind_is_passed_over(tmp_path):
    for place in ("images", "masks"):
        write(tmp_path / place / "a.png")
        for name in ("._a.png", "Thumbs.db", "desktop.ini", ".DS_Store", ".trash/b.png"):
            (tmp_path / place / name).parent.mkdir(exist_ok=True)
            (tmp_path / place / name).write_bytes(b"no picture")
    found = find(str(tmp_path), CLASSES)
    assert [record.id for record in found.records] == ["a"]
    assert not found.findings


def test_hidden_files_beside_one_mask_a_class_and_beside_labelmes(tmp_path):
    write(tmp_path / "one" / "images" / "a.png")
    write(tmp_path / "one" / "masks" / "cell" / "a.png")
    (tmp_path / "one" / "masks" / ".ipynb_checkpoints").mkdir()
    (tmp_path / "one" / "masks" / "cell" / "._a.png").write_bytes(b"x")
    assert [record.id for record in find(str(tmp_path / "one"), CLASSES).records] == ["a"]
    write(tmp_path / "two" / "a.png")
    (tmp_path / "two" / "a.json").write_text('{"shapes": [], "imagePath": "a.png"}')
    (tmp_path / "two" / "._a.json").write_bytes(b"\0\5\x16\7")
    found = find(str(tmp_path / "two"), CLASSES)
    assert [record.id for record in found.records] == ["a"]
    assert not found.findings


@pytest.mark.parametrize(
    "names", [("train", "valid", "test"), ("Training", "VAL", "testing"), ("TRAIN", "Validation", "Test")]
)
@pytest.mark.parametrize("inside", [False, True])
def test_folders_of_splits_by_all_their_names(tmp_path, names, inside):
    for name in names:
        for kind in ("images", "masks"):
            write(tmp_path / (f"{kind}/{name}" if inside else f"{name}/{kind}") / f"{name}.png")
    found = find(str(tmp_path), CLASSES)
    assert [(r.id, r.split) for r in sorted(found.records, key=lambda r: names.index(r.image.stem))] == [
        (f"{name}/{name}", split) for name, split in zip(names, ("train", "val", "test"), strict=True)
    ]
    assert not found.notes
    assert not found.findings


def test_folders_that_are_not_read_are_named_with_their_pictures(tmp_path):
    root = tmp_path / "set"
    for place in (
        "train/images",
        "train/masks",
        "val/images",
        "val/masks",
        "evaluation/images",
        "train/old/x",
        "linked",
    ):
        write((tmp_path if place == "linked" else root) / place / f"{place.split('/')[0]}.png")
    write(root / "evaluation" / "images" / "2.png")
    write(root / "loose.png")
    (root / "more").symlink_to(tmp_path / "linked")
    (note,) = find(str(root), CLASSES).notes
    assert f"not read: 5 pictures of {root}, in " in note
    for place in ("evaluation/ (2)", "train/old/ (1)", "more/ (1)", "the folder itself (1)"):
        assert place in note


def test_a_folder_whose_pictures_lie_elsewhere_says_where(tmp_path):
    for k in range(3):
        write(tmp_path / "imgs" / f"{k}.png")
    with pytest.raises(
        InputError, match=r"holds no pictures to train on; not read: 3 pictures .* imgs/ \(3\); .*set data.root"
    ):
        find(str(tmp_path), CLASSES)


def test_pictures_that_a_manifest_does_not_list_are_counted(tmp_path):
    for name in "abc":
        write(tmp_path / "images" / f"{name}.png")
        write(tmp_path / "masks" / f"{name}.png")
    (tmp_path / "manifest.csv").write_text("image,mask\nimages/a.png,masks/a.png\n")
    assert "4 pictures of" in find(str(tmp_path), CLASSES).notes[0]
