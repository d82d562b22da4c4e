from types import SimpleNamespace

import pytest

from unet_lightning.model.geometry import Geometry
from unet_lightning.model.measured_geometry import MeasuredGeometry
from unet_lightning.model.strided_geometry import StridedGeometry
from unet_lightning.prediction.zoo.sizes import Sides, axes, output_names, sides


def predictor(geometry, tile=512, **data):
    model = SimpleNamespace(network=SimpleNamespace(geometry=geometry), identity={"config": {"data": data}})
    names = ("background", "cell", "debris")
    return SimpleNamespace(models=[model], tile=tile, channels=3, classes=names, outputs=3)


@pytest.mark.parametrize(
    ("geometry", "tile", "expected"),
    [
        (Geometry(4, "same"), 512, [Sides(208, 16, 96)] * 2),  # 93 pixels of context, in whole poolings 96
        (Geometry(4, "valid"), 512, [Sides(188, 16, 92)] * 2),  # 572 - 24 * 16 and (572 - 388) / 2 of the 2015 paper
        (Geometry(4, "same", exact=False), 100, [Sides(112, 0, 28)] * 2),
        (Geometry(4, "valid", exact=False), 388, [Sides(572, 0, 92 + 97)] * 2),
        (StridedGeometry((32, 16)), (250, 100), [Sides(256, 0, 64), Sides(112, 0, 28)]),
        (MeasuredGeometry(32, 64, True, 96, 100), 512, [Sides(160, 32, 64)] * 2),
        (MeasuredGeometry(1, 0, True, 1, 100), 512, [Sides(3, 1, 1)] * 2),
    ],
)
def test_sides_worked_by_hand(geometry, tile, expected):
    found = sides(predictor(geometry, tile))
    assert list(found) == expected
    for one in found:
        assert one.smallest - 2 * one.halo >= 1  # something is left
        assert geometry.output_size(one.smallest)
        assert geometry.output_size(one.example)


def test_the_example_is_as_large_as_usual_or_as_it_must_be():
    assert Sides(208, 16, 96).example == 256
    assert Sides(30, 20, 10).example == 250
    assert Sides(600, 16, 92).example == 600
    assert Sides(112, 0, 28).example == 112


def test_a_tile_is_as_large_as_usual_and_its_poolings_fall_on_those_of_one_pass():
    assert Sides(208, 16, 96).largest == 512
    assert Sides(600, 16, 92).largest == 600
    assert Sides(208, 16, 96).aligned  # every tile adds 16 pixels or a multiple
    assert not Sides(188, 16, 92).aligned  # 4, or 16 more
    assert not Sides(112, 0, 28).aligned


def test_axes_name_the_classes_and_refer_to_the_image():
    batch, channel, y, x = axes(predictor(Geometry(4, "same")), output=True)
    assert batch == {"type": "batch"}
    assert channel["channel_names"] == ["background", "cell", "debris"]
    assert y == {"type": "space", "id": "y", "size": {"tensor_id": "image", "axis_id": "y"}, "halo": 96}
    assert x["size"]["axis_id"] == "x"
    read = axes(predictor(Geometry(4, "same")), output=False)
    assert read[1]["channel_names"] == ["red", "green", "blue"]
    assert read[2] == {"type": "space", "id": "y", "size": {"min": 208, "step": 16}, "concatenable": True}


@pytest.mark.parametrize(("unit", "named"), [("um", "micrometer"), ("mm", "millimeter"), (None, "micrometer")])
def test_the_size_of_pixels_that_training_resampled_to_is_an_axis_scale(unit, named):
    for output in (False, True):
        for axis in axes(predictor(Geometry(1, "same"), resample=0.5, unit=unit), output)[2:]:
            assert (axis["unit"], axis["scale"]) == (named, 0.5)


def test_interiors_come_before_rims():
    given = predictor(Geometry(1, "same"))
    given.outputs = 5
    assert output_names(given) == ["background", "cell interior", "debris interior", "cell rim", "debris rim"]
