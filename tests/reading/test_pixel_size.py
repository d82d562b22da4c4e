"""The size of a pixel, from files as ImageJ, OME, GDAL and NIfTI's programs write them."""

import nibabel
import numpy as np
import pytest
import tifffile

from unet_lightning.reading.pixel_size import PixelSize, pixel_size, stated_size

PICTURE = np.zeros((6, 9), np.uint8)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"resolution": (20000, 10000), "resolutionunit": 3}, (1.0, 0.5)),  # a pixel each 0.5 um across, 1 um down
        ({"resolution": (1200, 1200), "resolutionunit": 2}, (25400 / 1200,) * 2),  # a scanner
        ({"resolution": (300, 300), "resolutionunit": 2}, None),  # a printer
        ({"resolution": (72 / 2.54, 72 / 2.54), "resolutionunit": 3}, None),
        ({"resolution": (1, 1), "resolutionunit": 1}, None),
        ({}, None),
        ({"imagej": True, "resolution": (4, 2), "metadata": {"unit": "micron"}}, (0.5, 0.25)),
        ({"imagej": True, "resolution": (4, 4), "metadata": {"unit": "\\u00B5m"}}, (0.25, 0.25)),
        ({"imagej": True, "resolution": (4, 4), "metadata": {"unit": "pixel"}}, None),
        ({"ome": True, "metadata": {"PhysicalSizeX": 0.2, "PhysicalSizeY": 0.3}}, (0.3, 0.2)),
        (
            {"ome": True, "metadata": {"PhysicalSizeX": 200, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 0.2}},
            (0.2, 0.2),
        ),
        ({"ome": True}, None),
        (
            {"resolution": (1e4, 1e4), "resolutionunit": 3, "extratags": [(33550, "d", 3, (0.5, 0.5, 0.0), True)]},
            None,
        ),  # a map
    ],
)
def test_what_a_tiff_says(tmp_path, options, expected):
    tifffile.imwrite(tmp_path / "a.tif", PICTURE, photometric="minisblack", **options)
    found = pixel_size(tmp_path / "a.tif")
    assert (found and found.sides) == (expected and pytest.approx(expected))
    assert found is None or found.unit == "um"


def test_a_turned_tiff_has_its_sizes_turned(tmp_path):
    tags = [(274, "H", 1, 6, True)]  # rows are stored as columns
    tifffile.imwrite(tmp_path / "a.tif", PICTURE, resolution=(20000, 10000), resolutionunit=3, extratags=tags)
    assert pixel_size(tmp_path / "a.tif").sides == pytest.approx((0.5, 1.0))


@pytest.mark.parametrize(("unit", "factor"), [("mm", 1), ("micron", 1e-3), ("unknown", 1)])
def test_a_slice_of_a_volume_runs_from_left_to_right_and_back_to_front(tmp_path, unit, factor):
    image = nibabel.Nifti1Image(np.zeros((4, 5, 6), np.int16), np.diag([0.5, 0.25, 3, 1]))
    image.header.set_xyzt_units(unit)
    nibabel.save(image, tmp_path / "v.nii")
    found = pixel_size(tmp_path / "v.nii")
    assert (found.sides, found.unit) == (pytest.approx((0.5 * factor, 0.25 * factor)), "mm")


def test_what_is_stated():
    assert stated_size({}) is stated_size({"pixel_size": None, "unit": "um"}) is None
    assert stated_size({"pixel_size": 0.5}) == PixelSize(0.5, 0.5, "um")
    assert stated_size({"pixel_size": [0.5, 2], "unit": "mm"}).in_unit("um") == PixelSize(500, 2000, "um")


def test_other_files_say_nothing(tmp_path):
    np.save(tmp_path / "a.npy", PICTURE)
    (tmp_path / "z.zarr").mkdir()
    assert pixel_size(tmp_path / "a.npy") is pixel_size(tmp_path / "z.zarr") is None
