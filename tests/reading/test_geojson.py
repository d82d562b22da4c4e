import json

import numpy as np
import pytest
from PIL import Image

from unet_lightning.data.folder import find
from unet_lightning.error import InputError

CLASSES = ["background", "Tumor", "Stroma"]


def ring(left, top, right, bottom):
    return [[left, top], [right, top], [right, bottom], [left, bottom], [left, top]]


def feature(name, *polygons):
    """One object: a list of polygons, each its outline and its holes."""
    single = len(polygons) == 1
    geometry = {"type": "Polygon" if single else "MultiPolygon", "coordinates": polygons[0] if single else polygons}
    classification = {} if name is None else {"classification": {"name": name, "color": [200, 0, 0]}}
    return {
        "type": "Feature",
        "id": "x",
        "geometry": geometry,
        "properties": {"objectType": "annotation"} | classification,
    }


def folder(root, content, place="masks", classes=CLASSES):
    (root / "images").mkdir(parents=True)
    (root / place).mkdir(exist_ok=True)
    Image.fromarray(np.zeros((12, 16), np.uint8)).save(root / "images" / "a.png")
    (root / place / "a.geojson").write_text(json.dumps(content))
    dataset = find(str(root), classes)
    assert not dataset.findings
    return dataset.read(dataset.records[0])


@pytest.mark.parametrize("place", ["masks", "images"])
@pytest.mark.parametrize("form", ["collection", "list"])
def test_polygons_with_holes_and_several_parts(tmp_path, place, form):
    features = [
        feature("Stroma", [ring(1, 1, 9, 9), ring(3, 3, 5, 5), ring(6, 6, 7, 7)]),
        feature("Tumor", [ring(10, 0, 12, 2)], [ring(13, 4, 16, 12), ring(14, 6, 15, 8)]),
    ]
    content = {"type": "FeatureCollection", "features": features} if form == "collection" else features
    sample = folder(tmp_path, content, place)
    expected = np.zeros((12, 16), np.uint8)
    expected[1:9, 1:9] = 2
    expected[3:5, 3:5] = expected[6:7, 6:7] = 0
    expected[0:2, 10:12] = expected[4:12, 13:16] = 1
    expected[6:8, 14:15] = 0
    assert np.array_equal(sample.mask, expected)
    assert sorted(np.unique(sample.instances)) == [0, 1, 2]
    assert len(np.unique(sample.instances[sample.mask == 1])) == 1  # both parts are one object


def test_an_object_without_parts_is_no_pixel(tmp_path):
    sample = folder(tmp_path, [feature("Tumor"), feature("Stroma", [ring(1, 1, 3, 3)])])
    assert (sample.mask > 0).sum() == 4


def test_one_feature_alone_and_a_small_object_on_a_large_one(tmp_path):
    sample = folder(tmp_path / "one", feature("Tumor", [ring(1, 1, 3, 3)]))
    assert sample.mask.sum() == 4
    inner, outer = feature("Tumor", [ring(2, 2, 4, 4)]), feature("Stroma", [ring(0, 0, 8, 8)])
    sample = folder(tmp_path / "two", [inner, outer])
    assert (sample.mask[2:4, 2:4] == 1).all()
    assert sample.mask[0, 0] == 2


def test_ignored_classes_count_nowhere_and_objects_without_a_class_are_the_only_one(tmp_path):
    features = [feature("Ignore*", [ring(0, 0, 4, 4)]), feature(None, [ring(8, 8, 10, 10)])]
    sample = folder(tmp_path, features, classes=["background", "cell"])
    assert not sample.valid[:4, :4].any()
    assert sample.valid.sum() == 12 * 16 - 16
    assert sample.mask.sum() == 4


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([feature("Necrosis", [ring(0, 0, 4, 4)])], r"called Necrosis, .*'data\.classes=\[background,Necrosis\]'"),
        ([feature(None, [ring(0, 0, 4, 4)])], "1 object without a class; expected one of background, Tumor"),
        ([{"type": "Feature", "geometry": {"type": "Point", "coordinates": [1, 2]}}], "without a class"),
        ([feature("Tumor", [ring(0, 0, 40, 4)])], "beyond its image"),
        ([feature("Tumor", [])], "no rings"),
        ([feature("Tumor", [[[1, 1], [2, 2]]])], "isn't a list of three corners"),
        ([feature("Tumor", "text")], "no rings"),
        ({"type": "FeatureCollection"}, "no list of features"),
        ([1, 2], "no list of features"),
        ("text", "no list of features"),
    ],
)
def test_what_is_no_region_is_refused_by_name(tmp_path, content, message):
    with pytest.raises(InputError, match=rf"a\.geojson: .*{message}"):
        folder(tmp_path, content)


def test_a_point_is_refused(tmp_path):
    point = feature("Tumor", [ring(0, 0, 4, 4)]) | {"geometry": {"type": "Point", "coordinates": [1, 2]}}
    with pytest.raises(InputError, match="an object is a Point, which has no area"):
        folder(tmp_path, [point])
