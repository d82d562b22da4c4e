"""Every remedy that an error of pictures and labels of `data=folder` prints, done as it says: the error goes."""

import json
import re
import shlex
from functools import cache

import numpy as np
import pytest
import scipy.io
from PIL import Image

from tests.small import config
from unet_lightning.error import InputError
from unet_lightning.pipeline.build import build_data_module

OVERRIDE = re.compile(r"""'data\.[^']+'|"data\.[^"]+"|data\.\w+=[^\s;,]+""")
SHAPE = (12, 10)


@cache
def composed(data, overrides):
    return config(f"data={data}", "data.root=''", "data.num_workers=0", "data.cache_gb=0", *overrides)


def error(root, *overrides, data="folder"):
    """What a run says about a set, or ''."""
    try:
        plain = composed(data, overrides)
        build_data_module(plain | {"data": plain["data"] | {"root": str(root)}})
    except InputError as refused:
        return str(refused)
    return ""


def save(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(array, np.uint8)).save(path)


def picture(k, channels=()):
    return np.random.default_rng(k).integers(0, 255, (*SHAPE, *channels)).astype(np.uint8)


def values(*present):
    """A label map that holds every one of some values."""
    return np.resize(np.repeat(present, 3), SHAPE)


def plain_set(root, mask=lambda k: values(0, 1), place="masks/{}.png"):
    for k in range(6):
        save(root / f"images/{k}.png", picture(k))
        save(root / place.format(k), mask(k))


def smoothed(root):
    plain_set(root, lambda k: values(0, 40, 90, 200, 255))


def partly_labelled(root):
    plain_set(root, lambda k: values(0, 1, 255))


def colored(root):
    plain_set(root, lambda k: np.array([[0, 0, 0], [200, 30, 40]])[values(0, 1)])


def one_a_class(root):
    for name in ("cell", "debris"):
        plain_set(root, lambda k: values(0, 255), f"masks/{name}/{{}}.png")


def one_a_class_smoothed(root):
    plain_set(root, lambda k: values(0, 90, 255), "masks/foreground/{}.png")


def among_images(root):
    for k in range(6):
        save(root / f"{k}.png", picture(k))
        save(root / f"{k}_label.png", values(0, 1))


def mixed_channels(root):
    plain_set(root)
    save(root / "images/0.png", picture(0, (3,)))


def matlab(root):
    plain_set(root)
    for k in range(6):
        (root / f"masks/{k}.png").unlink()
        scipy.io.savemat(root / f"masks/{k}.mat", {"label": values(0, 1), "other": values(0, 1)})


def coco(root, kind="cell", drawn=True):
    content = {"images": [], "annotations": [], "categories": [{"id": 1, "name": kind}]}
    for k in range(6):
        save(root / f"images/{k}.png", picture(k))
        content["images"].append({"id": k, "file_name": f"{k}.png"})
        outline = [[1, 1, 6, 1, 6, 5, 1, 5]] if drawn else []
        one = {"id": k, "image_id": k, "category_id": 1, "iscrowd": 0, "bbox": [1, 1, 5, 4], "segmentation": outline}
        content["annotations"] += [one, one | {"id": k + 10, "segmentation": [[7, 6, 9, 6, 9, 9, 7, 9]]}][: 1 + drawn]
    (root / "annotations.json").write_text(json.dumps(content))


def boxes(root):
    coco(root, "foreground", drawn=False)


def mixed_boxes(root):
    coco(root, "foreground")
    change(root / "annotations.json", lambda text: text.replace("[[1, 1, 6, 1, 6, 5, 1, 5]]", "[]"))


def labelme(root, label="cell"):
    for k in range(6):
        save(root / f"{k}.png", picture(k))
        shape = {"label": label, "shape_type": "rectangle", "points": [[1, 1], [6, 5]]}
        (root / f"{k}.json").write_text(json.dumps({"shapes": [shape], "imagePath": f"{k}.png"}))


def suffixed(root):
    plain_set(root, place="masks/{}-labels.png")


SET = [  # a spoilt set, words of its error, and which of the overrides that it prints
    (lambda root: plain_set(root, lambda k: values(0, 255)), "mask holds values {0, 255}", 0),
    (lambda root: plain_set(root, lambda k: values(255)), "mask holds values {255}", 0),
    (lambda root: plain_set(root, lambda k: values(3, 9)), "mask holds values {3, 9}", 0),
    (partly_labelled, "mask holds values {0, 1, 255}", 0),
    (smoothed, "it looks anti-aliased", 0),
    (colored, "mask is a colour picture", 0),
    (one_a_class, "holds the folders cell, debris", 0),
    (one_a_class_smoothed, "mask of one class holds 3 values", 0),
    (suffixed, "named like images with -labels at the end", 0),
    (among_images, "named like images with _label at the end", 0),
    (mixed_channels, "3 channels; expected 1", 0),
    (mixed_channels, "3 channels; expected 1", 1),
    (coco, "has no foreground", None),
    (boxes, "6 of 6 objects have no outline", 0),
    (boxes, "6 of 6 objects have no outline", 1),
    (mixed_boxes, "6 of 12 objects have no outline", 0),
    (labelme, "a shape is called cell", 0),
    (matlab, "label", None),
]


@pytest.mark.parametrize(("spoil", "words", "which"), SET)
def test_the_override_that_an_error_prints_mends_it(tmp_path, spoil, words, which):
    spoil(tmp_path)
    message = error(tmp_path)
    assert words in message
    assert len(message.splitlines()) == 1
    if which is None:  # the line names what to choose from
        typed = {"has no foreground": "data.classes=[background,cell]", "label": "data.variable=label"}[words]
        assert typed.split("=")[0] in message or "correct the name" in message
    else:
        (typed,) = shlex.split(OVERRIDE.findall(message)[which])
    assert error(tmp_path, typed) == ""


def table(root, rows, head="image,mask,split,group"):
    (root / "manifest.csv").write_text("\n".join([head, *rows]))


def listed(root, groups="abcdef"):
    plain_set(root)
    table(root, [f"images/{k}.png,masks/{k}.png,{'val' if k == 5 else 'train'},{groups[k]}" for k in range(6)])


def change(path, edit):
    path.write_text(edit(path.read_text()))


def truncated(root):
    plain_set(root)
    path = root / "images/2.png"
    path.write_bytes(path.read_bytes()[:60])


def twice(root):
    listed(root)
    save(root / "images/5.png", picture(0))


def one_name(root):
    plain_set(root)
    save(root / "images/0.bmp", picture(9))


def lonely(root):
    plain_set(root)
    (root / "masks/4.png").rename(root / "masks/four.png")


def list_the_pairs(root):
    table(root, [f"images/{k}.png,masks/{'four' if k == 4 else k}.png,," for k in range(6)])


def with_a_line(root):
    labelme(root, "foreground")
    path = root / "3.json"
    content = json.loads(path.read_text())
    content["shapes"].append({"label": "foreground", "shape_type": "line", "points": [[1, 1], [4, 4]]})
    path.write_text(json.dumps(content))


def take_out_the_line(root):
    content = json.loads((root / "3.json").read_text())
    content["shapes"].pop()
    (root / "3.json").write_text(json.dumps(content))


def coco_without_an_image(root):
    coco(root, "foreground")
    (root / "images/1.png").unlink()


def a_name_each(root):
    (root / "images/0.bmp").rename(root / "images/9.bmp")
    save(root / "masks/9.png", values(0, 1))


def take_out(root):
    for kind in ("images", "masks"):
        (root / kind / "2.png").unlink()


def without_a_mask(root):
    listed(root)
    (root / "masks/3.png").unlink()


def wrong_column(root):
    listed(root)
    change(root / "manifest.csv", lambda text: text.replace("image,", "picture,"))


def name_the_column(root):
    change(root / "manifest.csv", lambda text: text.replace("picture,", "image,"))


def row_without_image(root):
    listed(root)
    change(root / "manifest.csv", lambda text: text.replace("images/3.png", ""))


def both_in_training(root):
    change(root / "manifest.csv", lambda text: text.replace("val", "train").replace("train,b", "val,b"))


def renamed_picture(root):
    labelme(root, "foreground")
    (root / "2.png").rename(root / "two.png")


def correct_the_path(root):
    change(root / "2.json", lambda text: text.replace("2.png", "two.png"))


def renamed(name, other):
    def spoil(root):
        plain_set(root)
        (root / name).rename(root / other)

    return spoil


DO = [  # a spoilt set, words of its error with what to do, and that done
    (lonely, "give both the same name", lambda r: (r / "masks/four.png").rename(r / "masks/4.png")),
    (lonely, "list the pairs in manifest.csv", list_the_pairs),
    (one_name, "give each its own", a_name_each),
    (truncated, "copy the file again", lambda r: save(r / "images/2.png", picture(2))),
    (truncated, "take it out of the data set", take_out),
    (without_a_mask, "add the file", lambda r: save(r / "masks/3.png", values(0, 1))),
    (wrong_column, "name them so", name_the_column),
    (row_without_image, "correct the row", listed),
    (lambda r: listed(r, groups="abcdea"), "keep each group in one split", listed),
    (twice, "keep it in one split", both_in_training),
    (with_a_line, "draw polygons", take_out_the_line),
    (renamed_picture, "correct imagePath", correct_the_path),
    (coco_without_an_image, "add it", lambda r: save(r / "images/1.png", picture(1))),
    (renamed("masks", "labels"), "add them", lambda r: (r / "labels").rename(r / "masks")),
    (renamed("images", "imgs"), "expected images/", lambda r: (r / "imgs").rename(r / "images")),
]


@pytest.mark.parametrize(("spoil", "words", "mend"), DO)
def test_what_an_error_says_to_do_mends_it(tmp_path, spoil, words, mend):
    spoil(tmp_path)
    message = error(tmp_path)
    assert words in message
    mend(tmp_path)
    assert error(tmp_path) == ""
