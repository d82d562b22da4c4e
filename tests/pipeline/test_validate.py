import csv
import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.small import config
from tests.typed import typed
from unet_lightning.command.validate import main
from unet_lightning.error import InputError
from unet_lightning.pipeline.build import build_data_module

SPLIT = ("train", "train", "train", "val", "test", "train")


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A good set of six different pictures with a manifest; the sheet goes below tmp_path."""
    monkeypatch.chdir(tmp_path)
    for kind in ("images", "masks"):
        (tmp_path / "set" / kind).mkdir(parents=True)
    for k in range(6):
        mask = np.zeros((140, 130 + k), np.uint8)
        mask[20 : 60 + k, 20 + 10 * k : 60 + 10 * k] = 1
        noise = np.random.default_rng(k).integers(0, 50, mask.shape)
        cv2.imwrite(str(tmp_path / "set" / "images" / f"{k}.png"), (mask * 90 + noise).astype(np.uint8))
        cv2.imwrite(str(tmp_path / "set" / "masks" / f"{k}.png"), mask)
    table(tmp_path / "set")
    return tmp_path / "set"


def table(root, split=SPLIT, groups="abcdef"):
    with (root / "manifest.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "mask", "split", "group"])
        writer.writerows([f"images/{k}.png", f"masks/{k}.png", split[k], groups[k]] for k in range(len(split)))


def image(root, name, array):
    cv2.imwrite(str(root / f"{name}.png"), array)


def validated(root, capsys, *overrides):
    code = main(["--json", "data=folder", f"data.root={root}", *overrides])
    return code, json.loads(capsys.readouterr().out)


def test_a_good_set_is_described(root, capsys):
    code, found = validated(root, capsys)
    assert code == 0
    assert (found["status"], found["errors"], found["warnings"]) == ("ok", [], [])
    assert found["images"] == {"train": 4, "val": 1, "test": 1}
    data = build_data_module(config("data=folder", f"data.root={root}"))
    assert found["statistics"] == json.loads(json.dumps(data.statistics.to_dict()))
    assert found["description"]["classes"].startswith("background 90.")
    page = cv2.imread(found["contact_sheet"])
    assert page.shape[1] > 1000
    assert ((page[..., 2].astype(int) - page[..., 0]) > 60).sum() > 1000  # the tint of class 1


def test_what_people_read(root, capsys):
    assert main(["data=folder", f"data.root={root}", "--sheet", "here/sheet.png"]) == 0
    text = capsys.readouterr().out
    assert "data      4 train, 1 val, 1 test images" in text
    assert "ok: 0 errors, 0 warnings" in text
    assert Path("here/sheet.png").stat().st_size > 1000


SPOILT = [
    (lambda r: (r / "masks/1.png").unlink(), "masks/1.png: no such file"),
    (lambda r: (r / "images/1.png").write_bytes((r / "images/1.png").read_bytes()[:99]), "truncated after 99 bytes"),
    (lambda r: image(r, "masks/1", np.zeros((9, 9), np.uint8)), "mask is 9x9, its image is 140x131"),
    (lambda r: image(r, "masks/1", np.full((140, 131), 7, np.uint8)), "mask holds values {7}"),
    (lambda r: image(r, "images/1", np.zeros((140, 131, 3), np.uint8)), "3 channels; expected 1"),
    (lambda r: image(r, "images/3", cv2.imread(str(r / "images/0.png"), -1)), "mask is 140x133"),
    (lambda r: table(r, groups="abcaef"), "group 'a' is in train and val"),
    (lambda r: table(r, split=["val"] * 6), "no record is in the split 'train'"),
    (lambda r: table(r, split=["trian", *SPLIT[1:]]), "split holds ['trian']"),
    (lambda r: (r / "manifest.csv").write_text("picture\n"), "expected image and mask or instances"),
    (lambda r: (r / "manifest.csv").write_text("image,mask\n,a\n"), "row 2: no image"),
]


@pytest.mark.parametrize(("spoil", "words"), SPOILT)
def test_what_training_refuses_is_an_error(root, capsys, spoil, words):
    spoil(root)
    code, found = validated(root, capsys)
    assert code == 1
    assert found["status"] == "errors"
    assert any(words in line for line in found["errors"]), found["errors"]
    with pytest.raises(InputError) as caught:
        build_data_module(config("data=folder", f"data.root={root}"))
    assert str(caught.value).splitlines() == found["errors"]


def test_a_picture_on_two_sides_is_leakage(root, capsys):
    for kind in ("images", "masks"):
        image(root, f"{kind}/3", cv2.imread(str(root / kind / "0.png"), -1))
    code, found = validated(root, capsys)
    assert code == 1
    (line,) = found["errors"]
    assert "0.png (train)" in line
    assert "3.png (val); keep it" in line


def test_all_errors_are_listed_and_the_rest_is_still_described(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for kind in ("images", "masks"):
        (tmp_path / "set" / kind).mkdir(parents=True)
    for k in range(80):
        noise = np.random.default_rng(k).integers(0, 50, (30, 30)).astype(np.uint8)
        image(tmp_path / "set", f"images/{k}", noise)
        image(tmp_path / "set", f"masks/{k}", noise if k % 2 else noise % 2)
    code, found = validated(tmp_path / "set", capsys)
    assert code == 1
    (line,) = found["errors"]
    assert "mask holds values" in line
    assert "40 files" in line
    assert line.count(".png") >= 3
    assert found["statistics"]["images"] > 10
    assert Path(found["contact_sheet"]).exists()


def both(root, name, read):
    for kind in ("images", "masks"):
        image(root, f"{kind}/{name}", read(root / kind))


QUESTIONABLE = [
    (lambda r: table(r, split=[*SPLIT[:4], "train", "train"]), "no picture in the split 'test'"),
    (lambda r: image(r, "masks/3", np.zeros((140, 133), np.uint8)), "no pixel of foreground in the split 'val'"),
    (lambda r: image(r, "images/2", np.full((140, 132), 9, np.uint8)), "one grey value only: images/2"),
    (lambda r: image(r, "images/2", np.full((140, 132), 900, np.uint16)), "5 of uint8, 1 of uint16"),
    (lambda r: image(r, "masks/2", np.full((140, 132), 255, np.uint8)), "only ignored pixels: images/2"),
    (lambda r: both(r, "2", lambda _: np.eye(40, dtype=np.uint8)), "smaller than data.crop=128: images/2"),
    (
        lambda r: both(r, "2", lambda f: cv2.imread(str(f / "1.png"), -1)),
        "the same picture: 2 pictures (images/1, images/2)",
    ),
    (lambda r: both(r, "3", lambda f: cv2.imread(str(f / "1.png"), -1).T), "images/3 (val) and images/1"),
    (lambda r: ((r / "more").mkdir(), image(r, "more/7", np.eye(9, dtype=np.uint8))), ", in more/ (1)"),
]


@pytest.mark.parametrize(("change", "words"), QUESTIONABLE)
def test_what_training_accepts_and_may_not_be_meant_is_a_warning(root, capsys, change, words):
    change(root)
    code, found = validated(root, capsys, "data.ignore=255")
    assert code == 0, found["errors"]
    assert any(words in line for line in found["warnings"]), found["warnings"]


def test_the_set_is_only_read_and_nothing_is_cached(root, capsys):
    def state():
        return [(str(p), p.stat().st_mtime_ns, hashlib.md5(p.read_bytes()).digest()) for p in root.rglob("*.*")]

    before = state()
    validated(root, capsys, "data.cache_gb=0", f"data.cache_dir={root.parent / 'cache'}")
    assert state() == before
    assert not (root.parent / "cache").exists()


def test_a_wrong_override_exits_with_2(tmp_path):
    cases = {"data=foldr": "did you mean 'folder'", "data=folder": "data.root", "--sheet=x.jpg": "is no PNG"}
    for wrong, words in cases.items():
        done = typed("validate", wrong, cwd=tmp_path)
        assert done.returncode == 2
        assert words in done.stderr
        assert "Traceback" not in done.stderr
