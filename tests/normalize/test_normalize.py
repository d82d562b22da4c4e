import numpy as np
import pytest

from unet_lightning.error import InputError
from unet_lightning.normalize.dataset import DatasetZScore
from unet_lightning.normalize.image import ImageZScore
from unet_lightning.normalize.none import TypeRange
from unet_lightning.normalize.percentile import Percentile, percentiles
from unet_lightning.normalize.window import Window

IMAGE = np.random.default_rng(0).integers(0, 4000, (30, 20, 3)).astype(np.uint16)


def apply(normalize, image=IMAGE):
    shift, scale = normalize(image)
    assert shift.dtype == scale.dtype == np.float32
    assert shift.shape == scale.shape == (image.shape[2],)
    return (image - shift) / scale


def test_image_gives_mean_zero_and_deviation_one_for_each_channel():
    normalised = apply(ImageZScore())
    np.testing.assert_allclose(normalised.mean((0, 1)), 0, atol=1e-5)
    np.testing.assert_allclose(normalised.std((0, 1)), 1, atol=1e-5)


def test_percentile_brings_them_to_zero_and_one():
    normalised = apply(Percentile(2, 90))
    np.testing.assert_allclose(np.percentile(normalised, 2, axis=(0, 1)), 0, atol=1e-5)
    np.testing.assert_allclose(np.percentile(normalised, 90, axis=(0, 1)), 1, atol=1e-5)


def test_dataset_uses_the_training_splits_numbers():
    normalize = DatasetZScore()
    normalize.fit({"mean": [1, 2, 3], "std": [4, 5, 0]})
    np.testing.assert_allclose(apply(normalize), (IMAGE - [1.0, 2, 3]) / [4, 5, 1], rtol=1e-6)


def test_range():
    np.testing.assert_allclose(apply(Window(-100, 300)), (IMAGE + 100.0) / 400, rtol=1e-6)


@pytest.mark.parametrize(("dtype", "largest"), [(np.uint8, 255), (np.uint16, 65535), (np.float32, 1)])
def test_none_divides_by_the_range_of_the_type(dtype, largest):
    shift, scale = TypeRange()(np.zeros((2, 2, 2), dtype))
    assert (shift.tolist(), scale.tolist()) == ([0, 0], [largest, largest])


@pytest.mark.parametrize("normalize", [ImageZScore(), Percentile(1, 99), TypeRange(), Window(0, 1)])
def test_a_constant_image_stays_finite(normalize):
    assert np.isfinite(apply(normalize, np.full((4, 4, 1), 7, np.uint8))).all()


@pytest.mark.parametrize("build", [lambda: Percentile(99, 1), lambda: Window(5, 5)])
def test_low_must_be_below_high(build):
    with pytest.raises(InputError, match=r"is not below normalize\.high"):
        build()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32])
@pytest.mark.parametrize("percents", [(0, 100), (1, 99.8), (33.3, 50)])
def test_percentiles_by_counting_are_numpys(dtype, percents, monkeypatch):
    monkeypatch.setattr("unet_lightning.normalize.base.BAND", 100)
    image = (np.random.default_rng(0).normal(0, 90, (37, 21, 2))).astype(dtype)
    expected = np.percentile(image.astype(np.float64), percents, axis=(0, 1))
    np.testing.assert_allclose(percentiles(image, percents), expected, rtol=1e-6)


@pytest.mark.parametrize("normalize", [ImageZScore(), Percentile(1, 99)])
def test_bands_of_a_large_image_give_what_the_whole_gives(normalize, monkeypatch):
    whole = normalize(IMAGE)
    monkeypatch.setattr("unet_lightning.normalize.base.BAND", 7 * 20 * 3)
    for expected, found in zip(whole, normalize(IMAGE), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6)
