"""Outlines are written, read back by the readers of training, and give the same objects, pixel by pixel."""

import json
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage.measure import label

from tests.prediction.test_predict import cells, run
from unet_lightning.data.folder import find
from unet_lightning.error import InputError
from unet_lightning.prediction.collector import PageObjects
from unet_lightning.prediction.outlines import Coco, GeoJson, Rois, _run_lengths
from unet_lightning.prediction.plane import Source
from unet_lightning.prediction.polygon import polygons

CLASSES = ("background", "cell", "debris")
COLORS = dict(zip(CLASSES, [(0, 0, 0), (255, 0, 0), (0, 0, 255)], strict=True))


def hard():
    """Objects (H, W) that polygons find hard, and their classes (N,)."""
    random = np.random.default_rng(0)
    mask = (cv2.GaussianBlur(random.random((60, 80)).astype(np.float32), (0, 0), 1.5) > 0.51).astype(np.uint8)
    mask[:12, :12] = 0
    mask[2:9, 2:9] = 1  # a frame with an island that touches it at a corner, and a hole that touches another
    mask[3:8, 3:8] = [[0, 0, 0, 0, 1], [0, 1, 1, 0, 0], [0, 1, 1, 0, 0], [0, 0, 0, 0, 1], [1, 0, 1, 1, 0]]
    mask[11:14, 20] = mask[14:17, 21] = 1  # two lines that touch at a corner
    mask[59, 79] = mask[0, 79] = 1  # single pixels in corners
    objects = label(mask, connectivity=2).astype(np.int32)
    return objects, random.integers(1, 3, objects.max()).astype(np.uint8)


def page_of(name, objects, kinds, **source):
    height, width = objects.shape
    described = Source(Path(name), (1, height, width, 1), 1, lambda _: None, **source)
    return PageObjects(Path(name), described, 0, objects, 1, kinds, CLASSES, None, None)


def same_objects(one, two):
    """Whether objects are equal but for their numbers."""
    pairs = np.unique(np.stack([one.ravel(), two.ravel()]), axis=1)
    return len(pairs[0]) == len(set(pairs[0])) == len(set(pairs[1]))


@pytest.mark.parametrize("form", ["geojson", "roi", "coco"])
def test_objects_come_back_pixel_by_pixel(tmp_path, form):
    if form == "roi":
        pytest.importorskip("roifile")
    objects, kinds = hard()
    given = (tmp_path, False)
    collector = {"geojson": GeoJson, "roi": Rois, "coco": Coco}[form]
    collector = collector(*given, *{"geojson": (COLORS,), "coco": (CLASSES,)}.get(form, ()))
    Image.fromarray(np.zeros(objects.shape, np.uint8)).save(tmp_path / "a.png")
    collector.take(page_of("a.png", objects, kinds))
    collector.keep(Path("a.png"))
    collector.close()
    assert collector.has(Path("a.png")) == (form != "coco")  # which knows pictures of earlier calls
    dataset = find(str(tmp_path), CLASSES)
    assert not dataset.findings
    sample = dataset.read(dataset.records[0])
    assert same_objects(sample.instances, objects)
    assert np.array_equal(sample.mask, np.append(0, kinds)[objects])
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_polygons_hang_together_and_run_along_pixel_edges():
    """Shoelace formula: areas of the outline less those of the holes are the pixels of each part."""
    objects, _ = hard()
    for number in range(1, objects.max() + 1):
        mask = objects == number
        found = polygons(mask)
        areas = []
        for polygon in found:
            signed = [x @ np.roll(y, -1) - y @ np.roll(x, -1) for x, y in (ring.T for ring in polygon)]
            areas.append((abs(signed[0]) - sum(map(abs, signed[1:]))) / 2)
            for ring in polygon:
                assert len({tuple(point) for point in ring.tolist()}) == len(ring)  # touches itself nowhere
                assert ((ring != np.roll(ring, 1, 0)).sum(1) == 1).all()  # each side runs along one axis
        parts = label(mask, connectivity=1)
        assert sorted(areas) == sorted(np.bincount(parts.ravel())[1:])


def test_run_lengths_worked_out_by_hand():
    mask = np.array([[1, 0], [1, 1]], bool)  # rows 1 and 2, columns 1 and 2 of 3 x 4: down the columns 3 + 1, 2, 2, …
    assert _run_lengths(mask, (1, 1), 3, 4) == [4, 2, 2, 1, 3]


def test_geojson_is_what_qupath_reads(tmp_path):
    objects = np.zeros((6, 9), np.int32)
    objects[1:3, 2:6] = 1
    written = GeoJson(tmp_path, False, COLORS)
    stack = {"stack": True, "axes": (("t", 1), ("z", 1))}
    written.take(page_of("deep.png", objects, np.array([2], np.uint8), **stack))
    written.keep(Path("deep.png"))
    (feature,) = json.loads((tmp_path / "deep.geojson").read_text())["features"]
    assert feature["properties"]["classification"] == {"name": "debris", "color": [0, 0, 255]}
    ring = feature["geometry"]["coordinates"][0]
    assert ring[0] == ring[-1]
    assert {tuple(point) for point in ring} == {(2, 1), (6, 1), (6, 3), (2, 3)}
    assert feature["geometry"]["plane"] == {"c": -1, "z": 0, "t": 0}


def test_what_a_form_cannot_hold_is_refused(tmp_path):
    wide = SimpleNamespace(shape=(1, 40000, 10, 1), stack=True)
    assert "give --outlines geojson or roi" in Coco(tmp_path, False, CLASSES).refuses(wide)
    pytest.importorskip("roifile")
    assert Rois(tmp_path, False).refuses(wide).startswith("40000 pixels wide; ImageJ's ROIs hold 32767")


def test_predict_writes_all_three_and_coco_keeps_earlier_pictures(tmp_path, checkpoint):
    pytest.importorskip("roifile")
    (tmp_path / "in").mkdir()
    Image.fromarray(cells()).save(tmp_path / "in/a.png")
    forms = [word for form in ("geojson", "roi", "coco") for word in ("--outlines", form)]
    command = [checkpoint, tmp_path / "in", "--output", tmp_path / "out", "--instances", *forms]
    assert run(*command) == 0
    first = json.loads((tmp_path / "out/annotations.json").read_text())
    Image.fromarray(cells(seed=1)).save(tmp_path / "in/b.png")
    assert run(*command) == 0
    both = json.loads((tmp_path / "out/annotations.json").read_text())
    assert [image["file_name"] for image in both["images"]] == ["a.png", "b.png"]
    assert both["annotations"][: len(first["annotations"])] == first["annotations"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        *("a.geojson", "a.instances.tif", "a.png", "a.zip", "annotations.json"),
        *("b.geojson", "b.instances.tif", "b.png", "b.zip"),
    ]
    other = {**both, "categories": [{"id": 1, "name": "x"}]}
    (tmp_path / "out/annotations.json").write_text(json.dumps(other))
    with pytest.raises(InputError, match="has other classes than the checkpoint; give another --output"):
        run(*command)
