"""Sizes, axes and names of classes that go in come out, as tifffile reads them."""

import numpy as np
import pytest
import tifffile

from tests.prediction.test_predict import cells, run
from unet_lightning.reading.pixel_size import pixel_size

STACK = np.stack([cells(32, 40, seed=k) for k in range(6)]).reshape(2, 3, 32, 40)  # T, Z


def axes_of(path):
    with tifffile.TiffFile(path) as file:
        return file.series[0].axes, file.series[0].shape


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("words", ["imagej", "ome"])
def test_time_and_depth_keep_their_names_and_pixels_their_size(tmp_path, checkpoint, monkeypatch, words, lazy):
    options = {
        "imagej": {"resolution": (4, 2), "metadata": {"axes": "TZYX", "unit": "um"}},
        "ome": {"metadata": {"axes": "TZYX", "PhysicalSizeX": 0.25, "PhysicalSizeY": 0.5}},
    }
    tifffile.imwrite(tmp_path / "a.tif", STACK, **{words: True}, **options[words])
    if lazy:
        monkeypatch.setattr("unet_lightning.prediction.plane.SHARE", 1e-12)
    kinds = ["--instances", "--overlay", "--probabilities"]
    assert run(checkpoint, tmp_path / "a.tif", "--output", tmp_path / "out", *kinds) == 0
    out = tmp_path / "out"
    for name in ("a", "a.instances"):
        assert axes_of(out / f"{name}.tif") == ("TZYX", (2, 3, 32, 40))
        assert pixel_size(out / f"{name}.tif").sides == pytest.approx((0.5, 0.25))
    assert axes_of(out / "a.overlay.tif") == ("TZYXS", (2, 3, 32, 40, 3))
    assert axes_of(out / "a.probabilities.tif") == ("TZCYX", (2, 3, 2, 32, 40))
    assert pixel_size(out / "a.probabilities.tif").sides == pytest.approx((0.5, 0.25))
    probabilities = tifffile.imread(out / "a.probabilities.tif")
    np.testing.assert_allclose(probabilities.sum(2), 1, atol=1e-5)
    assert np.array_equal(tifffile.imread(out / "a.tif"), probabilities.argmax(2))


def test_the_classes_of_probabilities_have_their_names(tmp_path, checkpoint):
    tifffile.imwrite(tmp_path / "a.tif", STACK[0, 0])
    assert run(checkpoint, tmp_path / "a.tif", "--output", tmp_path / "out", "--probabilities") == 0
    with tifffile.TiffFile(tmp_path / "out/a.probabilities.tif") as file:
        pixels = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]
        assert [channel["Name"] for channel in pixels["Channel"]] == ["background", "cell"]
        assert (file.series[0].axes, file.series[0].dtype) == ("CYX", np.float32)


def test_a_size_that_is_typed_replaces_the_files(tmp_path, checkpoint):
    tifffile.imwrite(tmp_path / "a.tif", STACK[0, 0], resolution=(20000, 20000), resolutionunit=3)
    np.save(tmp_path / "b.npy", STACK[0, 0])
    for typed, expected in (([], (0.5, 0.5)), (["data.pixel_size=[2,3]"], (2, 3))):
        out = tmp_path / f"out{len(typed)}"
        assert run(checkpoint, tmp_path / "a.tif", "--output", out, *typed) == 0
        assert pixel_size(out / "a.tif").sides == pytest.approx(expected)


def test_pages_without_names_have_none(tmp_path, checkpoint):
    tifffile.imwrite(tmp_path / "a.tif", STACK[0], photometric="minisblack", metadata=None)
    assert run(checkpoint, tmp_path / "a.tif", "--output", tmp_path / "out") == 0
    with tifffile.TiffFile(tmp_path / "out/a.tif") as file:
        assert (len(file.pages), file.pages[0].description) == (3, "")
