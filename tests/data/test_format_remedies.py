"""Every remedy that an error of a COCO file, a table, a volume or an array prints, done as it says: the error goes."""

import json
import re

import nibabel
import numpy as np
import pytest
import tifffile

from tests.data.test_remedies import SHAPE, change, coco, error, picture, plain_set, save, values

OUTLINE = "[[1, 1, 6, 1, 6, 5, 1, 5]]"


def described(entry, old, new):
    """A COCO file in which something is written otherwise, once."""

    def spoil(root):
        coco(root, "foreground")
        assert old in (root / entry).read_text()
        change(root / entry, lambda text: text.replace(old, new, 1))

    return spoil


def segmentation(other):
    return described("annotations.json", OUTLINE, json.dumps(other))


def good_coco(root):
    coco(root, "foreground")


def two_kinds(root):
    coco(root)
    content = json.loads((root / "annotations.json").read_text())
    content["categories"].append({"id": 2, "name": "debris"})
    content["annotations"][1]["category_id"] = 2
    (root / "annotations.json").write_text(json.dumps(content))


def without(root, kind, key, value):
    """Take the entries of a kind out of a COCO file that name something."""
    content = json.loads((root / "annotations.json").read_text())
    content[kind] = [entry for entry in content[kind] if entry[key] != value]
    (root / "annotations.json").write_text(json.dumps(content))


def list_the_image(root):
    save(root / "images/9.png", picture(9))
    content = json.loads((root / "annotations.json").read_text())
    content["images"].append({"id": 99, "file_name": "9.png"})
    (root / "annotations.json").write_text(json.dumps(content))


def runs(rows, head="ImageId,EncodedPixels"):
    """Six pictures beside a table of run lengths."""

    def spoil(root):
        for k in range(6):
            save(root / f"images/{k}.png", picture(k))
        (root / "manifest.csv").write_text("\n".join([head, *rows]))

    return spoil


ROWS = [f"{k},5 4 17 4" for k in range(6)]
good_runs = runs(ROWS)


def listed(rows, head="image,mask,split"):
    def spoil(root):
        plain_set(root)
        (root / "manifest.csv").write_text("\n".join([head, *rows]))

    return spoil


PAIRS = [f"images/{k}.png,masks/{k}.png,{'val' if k == 5 else 'train'}" for k in range(6)]
good_table = listed(PAIRS)


def latin(root):
    good_table(root)
    (root / "manifest.csv").write_bytes("image,mask,split\nbild\xe4.png,".encode("latin-1"))


def volume(path, array, affine=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(array, np.eye(4) if affine is None else affine), path)


def volumes(root, number=5):
    for k in range(number):
        volume(root / f"images/{k}.nii", np.random.default_rng(k).integers(0, 99, (12, 10, 3)).astype(np.int16))
        volume(root / f"masks/{k}.nii", np.resize(np.uint8([0, 0, 1]), (12, 10, 3)))


def mask_of(array, affine=None):
    def spoil(root):
        volumes(root)
        volume(root / "masks/2.nii", array, affine)

    return spoil


def turned_label(root):
    plain_set(root)
    (root / "masks/3.png").unlink()
    volume(root / "masks/3.nii", values(0, 1).astype(np.uint8), np.diag([-1.0, 1, 1, 1]))


def store_as_png(root):
    (root / "masks/3.nii").unlink()
    save(root / "masks/3.png", values(0, 1))


def list_the_volumes(root):
    rows = [f"images/{k}.nii,masks/{k}.nii,{'val' if k else 'train'}" for k in range(2)]
    (root / "manifest.csv").write_text("\n".join(["image,mask,split", *rows]))


def arrays(write):
    """Six pictures of any form, and their masks."""

    def spoil(root):
        plain_set(root)
        for k in range(6):
            (root / f"images/{k}.png").unlink()
            write(root / f"images/{k}", k)

    return spoil


def stack(path, k):
    tifffile.imwrite(path.with_suffix(".tif"), np.moveaxis(picture(k, (3,)), -1, 0), photometric="minisblack")


def single(path, k):
    path.with_suffix(".tif").unlink()
    save(path.with_suffix(".png"), picture(k))


def four_axes(path, k):
    np.save(path.with_suffix(".npy"), picture(k, (2, 3)))


def three_axes(path, k):
    np.save(path.with_suffix(".npy"), picture(k, (3,)))


def python_objects(path, k):
    np.save(path.with_suffix(".npy"), np.array([[{}]]), allow_pickle=True)


def complex_numbers(path, k):
    tifffile.imwrite(path.with_suffix(".tif"), picture(k).astype(np.complex64))


def label_of_four(root):
    plain_set(root)
    (root / "masks/1.png").unlink()
    np.save(root / "masks/1.npy", picture(1, (4,)))


def each(write):
    def mend(root):
        for k in range(6):
            write(root / f"images/{k}", k)

    return mend


def real_numbers(path, k):
    tifffile.imwrite(path.with_suffix(".tif"), picture(k))


def two_classes_only(root):
    runs([f"{row},{2 if k else 1}" for k, row in enumerate(ROWS)], "ImageId,EncodedPixels,ClassId")(root)


def complex_volume(root):
    mask_of(np.zeros((12, 10, 3), np.complex64))(root)


def flat_affine(root):
    """An affine whose third axis leads nowhere, which no writer would write."""
    volumes(root)
    header = nibabel.load(root / "masks/2.nii").header
    header["srow_z"] = 0
    header["sform_code"], header["qform_code"] = 1, 0
    with (root / "masks/2.nii").open("r+b") as file:
        file.write(header.binaryblock)


def no_image_99(root):
    without(root, "annotations", "image_id", 99)


def no_category_7(root):
    without(root, "annotations", "category_id", 7)


def no_object_0(root):
    without(root, "annotations", "id", 0)


def put(name, array):
    """What gives a file another content."""
    return lambda root: save(root / name, array)


LOST = described("annotations.json", '"image_id": 0', '"image_id": 99')
UNKNOWN = described("annotations.json", '"category_id": 1', '"category_id": 7')
UNNAMED = described("annotations.json", '"name": "foreground"', '"nam": "x"')
SIZED = described("annotations.json", '"file_name": "2.png"', '"file_name": "2.png", "height": 16, "width": 18')
OTHER_LENGTHS = segmentation({"size": [16, 18], "counts": [288]})
BEYOND = segmentation([[1, 1, 60, 1, 60, 5]])

CASES = [  # what is written, what is typed, and what the line says to do: to be typed, or what does it
    (two_kinds, "data.classes=[background,cell]", "data.classes=[background,cell,debris]", None),
    (UNNAMED, "", "correct the entry", good_coco),
    (LOST, "", "add it", list_the_image),
    (LOST, "", "take them out", no_image_99),
    (UNKNOWN, "", "take them out", no_category_7),
    (SIZED, "", "give the image the objects were drawn on", put("images/2.png", np.eye(16, 18))),
    (segmentation("x"), "", "draw the object", good_coco),
    (segmentation("x"), "", "take it out", no_object_0),
    (OTHER_LENGTHS, "", "give the image of their size", put("images/0.png", np.eye(16, 18))),
    (segmentation({"size": list(SHAPE), "counts": [5]}), "", "correct the object", good_coco),
    (segmentation([[1, 1, 6, 1]]), "", "correct or take out the object", no_object_0),
    (BEYOND, "", "correct it", good_coco),
    (BEYOND, "", "give the image of its size", put("images/0.png", np.eye(12, 60))),
    (runs(ROWS[:5]), "", "add one, empty if it has no objects", runs([*ROWS[:5], "5,"])),
    (runs([*ROWS, "6,1 3"]), "", "add the image", put("images/6.png", picture(6))),
    (runs([*ROWS, "6,1 3"]), "", "take out its rows", good_runs),
    (two_classes_only, "", "correct it", good_runs),
    (runs([*ROWS[:5], "5,119 9"]), "", "correct the row", good_runs),
    (runs([*ROWS[:5], "5,119 9"]), "", "give the image of its size", put("images/5.png", np.eye(16, 16))),
    (runs([*ROWS[:5], "5,7"]), "", "correct the row", good_runs),
    (listed([*PAIRS[:5], "images/5.png"]), "", "correct the row", good_table),
    (listed([*PAIRS[:5], "images/5.png,masks/5.png,vla"]), "", "correct the manifest", good_table),
    (listed([*PAIRS, PAIRS[0]]), "", "give each a name of its own", good_table),
    (good_table, "data.manifest=no.csv", "data.manifest=null", None),
    (listed([row.replace("train", "test") for row in PAIRS]), "", "correct the split column", good_table),
    (latin, "", "save it as CSV UTF-8", good_table),
    (lambda root: volumes(root, 2), "", "add images", volumes),
    (lambda root: volumes(root, 2), "", "a manifest with splits", list_the_volumes),
    (lambda root: volumes(root, 1), "", "add images of other groups", volumes),
    (mask_of(np.zeros((12, 9, 3), np.uint8)), "", "make both of one size", volumes),
    (mask_of(np.zeros((12, 10, 3), np.uint8), np.diag([3.0, 1, 1, 1])), "", "with the affine of its image", volumes),
    (complex_volume, "", "expected real numbers or colours; store them so", volumes),
    (flat_affine, "", "write the file again with an affine of three directions", volumes),
    (turned_label, "", "store the label as PNG", store_as_png),
    (arrays(stack), "", "data.axes=CYX", None),
    (arrays(stack), "", "write each picture of a stack to a file of its own", each(single)),
    (arrays(four_axes), "", "store (H, W) or (H, W, C)", each(three_axes)),
    (arrays(python_objects), "", "store (H, W) or (H, W, C)", each(three_axes)),
    (arrays(complex_numbers), "", "expected real ones; store them so", each(real_numbers)),
    (label_of_four, "", "store it so", lambda root: np.save(root / "masks/1.npy", values(0, 1))),
]


@pytest.mark.parametrize(("write", "typed", "words", "mend"), CASES)
def test_what_the_line_says_mends_it(tmp_path, write, typed, words, mend):
    write(tmp_path)
    message = error(tmp_path, *typed.split())
    assert words in message
    if mend is None:
        typed = words
    else:
        mend(tmp_path)
    assert error(tmp_path, *typed.split()) == ""


def test_a_wrong_axes_and_a_wrong_category_are_mended_by_what_is_printed(tmp_path):
    arrays(stack)(tmp_path / "stacks")
    assert "data.axes=CYX or" in error(tmp_path / "stacks", "data.axes=CZYX")
    good_coco(tmp_path / "coco")
    (tmp_path / "coco/annotations").mkdir()
    (tmp_path / "coco/annotations.json").rename(tmp_path / "coco/annotations/instances_a.json")
    (tmp_path / "coco/images").rename(tmp_path / "coco/a")
    message = error(tmp_path / "coco", "data.categories=[backround]", data="coco")
    typed = re.search(r"or set '(data\.categories=.*)'$", message)[1]
    assert error(tmp_path / "coco", typed, data="coco") == ""
