"""Damaged files of every format: read as they were, or refused by one line; 100 here, 2,000 by `make fuzz`."""

import json
import os
from collections import Counter

import cv2
import nibabel
import numpy as np
import pytest
import tifffile
from PIL import Image
from scipy.io import savemat

from unet_lightning.data import folder
from unet_lightning.error import InputError
from unet_lightning.prediction.source import open_source
from unet_lightning.reading.image import read_image

CASES = int(os.environ.get("UNET_LIGHTNING_FUZZ", "100"))
RANDOM = np.random.default_rng(0)
SHAPE = (23, 31)
GREY = cv2.GaussianBlur(RANDOM.integers(0, 255, SHAPE).astype(np.uint8), (5, 5), 2)
DEEP = GREY.astype(np.uint16) * 257
COLOR = np.stack([GREY, GREY[::-1], GREY[:, ::-1]], 2)


def nifti(path):
    nibabel.save(nibabel.Nifti1Image(np.stack([DEEP.astype(np.int16)] * 3, 2), np.eye(4)), path)


PICTURES = {
    "grey.png": lambda path: cv2.imwrite(str(path), GREY),
    "deep.png": lambda path: cv2.imwrite(str(path), DEEP),
    "color.png": lambda path: cv2.imwrite(str(path), COLOR),
    "palette.png": lambda path: Image.fromarray(GREY).convert("P").save(path),
    "color.jpg": lambda path: Image.fromarray(COLOR).save(path),
    "grey.bmp": lambda path: Image.fromarray(GREY).save(path),
    "plain.tif": lambda path: tifffile.imwrite(path, DEEP),
    "deflate.tif": lambda path: tifffile.imwrite(path, COLOR, compression="zlib", photometric="rgb"),
    "lzw.tif": lambda path: tifffile.imwrite(path, GREY, compression="lzw"),
    "tiled.tif": lambda path: tifffile.imwrite(path, GREY, tile=(16, 16), compression="zlib"),
    "zstd.tif": lambda path: tifffile.imwrite(path, GREY, compression="zstd", predictor=True),
    "stack.tif": lambda path: tifffile.imwrite(path, np.stack([GREY] * 4), photometric="minisblack"),
    "array.npy": lambda path: np.save(path, COLOR),
    "array.mat": lambda path: savemat(path, {"image": DEEP}, do_compression=True),
    "volume.nii": nifti,
    "volume.nii.gz": nifti,
}
CHECKED = ("png", "deflate.tif", "tiled.tif", "mat")  # every byte of the pixels is under a checksum


def damage(data: bytes, random: np.random.Generator) -> tuple[str, bytes]:
    """What was done to the bytes, and what came of it."""
    kind = str(random.choice(["cut", "flip", "zeros", "header", "insert", "repeat"]))
    place = int(random.integers(len(data)))
    head = int(random.integers(min(len(data), 400)))
    length = int(random.integers(1, 40))
    value = bytes([int(random.integers(256))])
    return kind, {
        "cut": data[:place],
        "flip": data[:place] + bytes([data[place] ^ (1 << int(random.integers(8)))]) + data[place + 1 :],
        "zeros": data[:place] + bytes(length) + data[place + length :],
        "header": data[:head] + value + data[head + 1 :],
        "insert": data[:place] + random.bytes(length) + data[place:],
        "repeat": data[:place] + data[max(0, place - length) :],
    }[kind]


def trained(path):
    """A picture as training reads it; the middle slice of a volume or stack."""
    stack = path.name.startswith(("stack", "volume"))
    return read_image(path, 1 if stack else None)


def predicted(path):
    """A picture as `predict` reads it; the middle page of a volume or stack."""
    source = open_source(path, 1)
    found = source.page(1 if source.shape[0] > 1 else 0)
    return np.asarray(found[0 : found.shape[0], 0 : found.shape[1]])


def outcome(read, path):
    """The array, or None where the file was refused by a line that names it."""
    try:
        return read(path)
    except InputError as error:
        message = str(error)
    assert path.stem in message
    assert len(message.splitlines()) == 1
    return None


@pytest.mark.parametrize("read", [trained, predicted])
@pytest.mark.timeout(3600)
def test_damaged_pictures_are_read_as_they_were_or_refused(tmp_path, read, capsys):
    counts = Counter()
    names = [*PICTURES]
    whole = {}
    for name in names:
        PICTURES[name](tmp_path / name)
        whole[name] = (tmp_path / name).read_bytes(), read(tmp_path / name)
    random = np.random.default_rng(1)
    for case in range(CASES):
        name = names[case % len(names)]
        data, expected = whole[name]
        kind, damaged = damage(data, random)
        (tmp_path / name).write_bytes(damaged)
        found = outcome(read, tmp_path / name)
        if found is None:
            counts["refused"] += 1
        elif found.shape == expected.shape and np.array_equal(found, expected):
            counts["read as it was"] += 1
        else:
            counts["damage that nothing shows"] += 1
            assert kind != "cut", f"{name}, case {case}: a file cut off was read as whole"
            under_checksum = name.endswith(CHECKED) and kind in ("flip", "zeros")
            assert not under_checksum or damaged[:400] != data[:400], f"{name}, case {case}: {kind} unseen"
    with capsys.disabled():
        print(f"\n{read.__name__}: {dict(counts)}")
    assert counts["refused"] > 0.2 * CASES


def write_described(root, form):
    """A small set whose labels are described by a text file; its path."""
    (root / "images").mkdir(parents=True)
    for k in range(4):
        cv2.imwrite(str(root / f"images/{k}.png"), GREY)
    square = [[4, 4, 14, 4, 14, 12, 4, 12]]
    if form == "coco":
        images = [{"id": k, "file_name": f"{k}.png", "height": SHAPE[0], "width": SHAPE[1]} for k in range(4)]
        marks = [
            {"id": k, "image_id": k, "category_id": 1, "segmentation": square, "bbox": [4, 4, 10, 8], "area": 80}
            | {"iscrowd": 0}
            for k in range(4)
        ]
        categories = [{"id": 1, "name": "cell"}]
        text = json.dumps({"images": images, "annotations": marks, "categories": categories})
        path = root / "annotations.json"
    elif form == "labelme":
        points = np.reshape(square, (-1, 2)).tolist()
        shapes = [{"label": "cell", "points": points, "shape_type": "polygon"}]
        for k in range(4):
            (root / f"images/{k}.json").write_text(
                json.dumps({"shapes": shapes, "imagePath": f"{k}.png", "imageHeight": SHAPE[0], "imageWidth": SHAPE[1]})
            )
        path = root / "images/1.json"
        text = path.read_text()
    elif form == "run lengths":
        text = "ImageId,EncodedPixels\n" + "".join(f"{k},5 3 30 4\n" for k in range(4))
        path = root / "manifest.csv"
    else:
        (root / "masks").mkdir()
        for k in range(4):
            cv2.imwrite(str(root / f"masks/{k}.png"), (GREY > 127).astype(np.uint8))
        text = "id,image,mask,split\n" + "".join(f"r{k},images/{k}.png,masks/{k}.png,train\n" for k in range(4))
        path = root / "manifest.csv"
    path.write_text(text)
    return path


@pytest.mark.parametrize("form", ["coco", "labelme", "run lengths", "manifest"])
@pytest.mark.timeout(3600)
def test_damaged_descriptions_are_read_or_refused(tmp_path, form, capsys):
    path = write_described(tmp_path / "set", form)
    data, random, counts = path.read_bytes(), np.random.default_rng(2), Counter()
    for _ in range(CASES // 2):
        kind, damaged = damage(data, random)
        path.write_bytes(damaged)
        try:
            dataset = folder.find(str(tmp_path / "set"), ["background", "cell"])
            findings = list(dataset.findings)
            for record in dataset.records if not findings else ():
                try:
                    dataset.read(record)
                except InputError as error:
                    findings.append(str(error))
        except InputError as error:
            findings = str(error).splitlines()
        counts["refused" if findings else f"read after {kind}"] += 1
        assert all(len(line) < 1000 and "\n" not in line for line in findings)
    with capsys.disabled():
        print(f"\n{form}: {dict(counts)}")
    assert counts["refused"] > 0
