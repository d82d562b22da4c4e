import cv2
import numpy as np
import pytest

from unet_lightning.data.synthetic import find
from unet_lightning.pipeline.near_copies import near_copies, thumbnail
from unet_lightning.record import Record

DRAWN = find(("background", "cell"), number=12, height=160, width=200, cells=15, noise=0.05, seed=3)
PICTURES = [DRAWN.read(record).image for record in DRAWN.records]
CHANGES = {
    "the same": lambda image: image,
    "as JPEG": lambda image: cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], -1)[
        ..., None
    ],
    "half the size": lambda image: cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)[..., None],
    "mirrored": lambda image: image[:, ::-1],
    "turned": lambda image: np.rot90(image),
    "turned and mirrored": lambda image: np.rot90(image[::-1], 3),
    "16 bit, brighter": lambda image: image.astype(np.uint16) * 100 + 3000,
    "in colour": lambda image: image.repeat(3, 2),
}


def thumbnails(training, others):
    sides = [("train", k, image) for k, image in enumerate(training)] + [("val", k, i) for k, i in enumerate(others)]
    return {Record(f"{split}{k}", split, split=split): thumbnail(image) for split, k, image in sides}


@pytest.mark.parametrize("change", CHANGES)
def test_a_copy_is_found_however_it_was_made(change):
    ((one, other, value),) = near_copies(thumbnails(PICTURES[:6], [CHANGES[change](PICTURES[4]), *PICTURES[6:]]))
    assert (one.id, other.id) == ("val0", "train4")
    assert 0.99 < value < 1.001


def test_pictures_of_one_kind_are_no_copies():
    assert not list(near_copies(thumbnails(PICTURES[:6], PICTURES[6:])))


def test_pictures_of_one_value_and_sets_without_training_have_no_copies():
    flat = np.full((20, 20, 1), 7, np.uint8)
    assert not thumbnail(flat).any()
    assert not list(near_copies(thumbnails([flat], [flat])))
    assert not list(near_copies(thumbnails([], PICTURES)))


def test_many_pictures_are_compared_in_blocks(monkeypatch):
    monkeypatch.setattr("unet_lightning.pipeline.near_copies.BLOCK", 2)
    found = near_copies(thumbnails(PICTURES[:6], PICTURES[3:]))
    assert [(one.id, other.id) for one, other, _ in found] == [
        ("val0", "train3"),
        ("val1", "train4"),
        ("val2", "train5"),
    ]


@pytest.mark.parametrize(
    "folder", ["dsb2018/flat/images", "drive/training/images", "isbi2012/train/image", "msrc/Images"]
)
def test_real_pictures_of_one_kind_are_no_copies_until_one_is_copied(real_data, folder):
    paths = sorted(path for path in (real_data / folder).iterdir() if path.suffix in (".png", ".tif", ".bmp"))[:40]
    pictures = [np.atleast_3d(cv2.imread(str(path))) for path in paths]
    assert not list(near_copies(thumbnails(pictures[::2], pictures[1::2])))
    (found,) = near_copies(thumbnails(pictures[::2], [*pictures[1::2], np.rot90(pictures[0][::2, ::2])]))
    assert found[1].id == "train0"
