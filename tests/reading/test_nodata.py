"""Pixels that a GeoTIFF marks as without data count nowhere: as if the image were the rest alone."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from unet_lightning.data.folder import find
from unet_lightning.error import InputError
from unet_lightning.normalize.image import ImageZScore
from unet_lightning.normalize.percentile import Percentile
from unet_lightning.pipeline.cache.entry import measure
from unet_lightning.pipeline.cache.store import Store
from unet_lightning.pipeline.statistics import statistics
from unet_lightning.reading.image import read_image

RANDOM = np.random.default_rng(0)
WITHOUT = RANDOM.uniform(size=(9, 8)) < 0.4


def write(path, image, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    tag = (42113, 2, len(text) + 1, text, True)
    tifffile.imwrite(path, image, photometric="minisblack", extratags=[tag])


def picture(value, dtype):
    image = RANDOM.integers(1, 200, WITHOUT.shape).astype(dtype)
    image[WITHOUT] = value
    return image


def folder(root, value, text, dtype):
    image = picture(value, dtype)
    write(root / "images" / "a.tif", image, text)
    (root / "masks").mkdir()
    Image.fromarray((image > 100).astype(np.uint8)).save(root / "masks" / "a.png")
    dataset = find(str(root), ["background", "cell"])
    return dataset, dataset.records[0], image


@pytest.mark.parametrize(
    ("value", "text", "dtype"),
    [
        (-9999, "-9999", np.float32),
        (0, "0", np.uint8),
        (65535, "65535", np.uint16),
        (-32768, "-32768 ", np.int16),
        (np.nan, "nan", np.float32),
        (-np.inf, "-inf", np.float64),
        (np.finfo(np.float32).min, "-3.4028234663852886e+38", np.float32),
    ],
)
def test_pixels_without_data_are_in_no_statistics_and_count_nowhere(tmp_path, value, text, dtype):
    dataset, record, image = folder(tmp_path, value, text, dtype)
    sample = dataset.read(record)
    assert np.array_equal(sample.valid, ~WITHOUT)
    assert np.array_equal(sample.image[~WITHOUT][:, 0], image[~WITHOUT])
    assert not sample.mask[WITHOUT].any()
    entry = measure(sample, 2)
    rest = image[~WITHOUT].astype(np.float64)
    assert np.allclose(entry.moments[:, 0], [rest.mean(), rest.std(), *np.percentile(rest, (1, 99))])
    assert entry.counts.sum() == (~WITHOUT).sum()
    assert entry.value_range[0] >= rest.min()
    assert np.isclose(statistics([entry.summary]).mean[0], rest.mean())
    shift, scale = Store(dataset, ImageZScore(), 1).affine(record)
    assert np.allclose([shift[0], scale[0]], [rest.mean(), rest.std()])
    shift, scale = Percentile(10, 90)(sample.data)
    low, high = np.percentile(rest, (10, 90))
    assert np.allclose([shift[0], scale[0]], [low, high - low], rtol=1e-5)


def test_filled_pixels_are_the_mean_and_pass_through_channels(tmp_path):
    write(tmp_path / "a.tif", picture(-9999, np.float32), "-9999")
    image = read_image(tmp_path / "a.tif")
    assert np.allclose(image.data[WITHOUT], image.data[~WITHOUT].mean(), rtol=1e-5)
    (tmp_path / "masks").mkdir()
    (tmp_path / "images").mkdir()
    (tmp_path / "a.tif").rename(tmp_path / "images" / "a.tif")
    Image.fromarray(WITHOUT).save(tmp_path / "masks" / "a.png")
    dataset = find(str(tmp_path), ["background", "cell"], channels=3)
    sample = dataset.read(dataset.records[0])
    assert sample.image.shape == (9, 8, 3)
    assert np.array_equal(sample.valid, ~WITHOUT)


def test_pixels_are_compared_with_a_number_they_can_hold(tmp_path):
    image = picture(7, np.uint8)
    for text in ("-9999", "0.5", "none", "1e+300"):
        write(tmp_path / "a.tif", image, text)
        assert not isinstance(read_image(tmp_path / "a.tif"), np.ma.MaskedArray)


def test_a_picture_without_any_data_is_refused(tmp_path):
    write(tmp_path / "a.tif", np.full((4, 4), -1, np.int16), "-1")
    with pytest.raises(InputError, match=r"a\.tif: no pixel holds data"):
        read_image(tmp_path / "a.tif")


@pytest.mark.parametrize(("dtype", "text"), [(np.uint8, "0"), (np.int16, "-9999"), (np.float32, "-9999")])
def test_a_colour_has_no_data_where_all_of_its_channels_say_so(tmp_path, dtype, text):
    image = np.full((2, 3, 3), 7, dtype)
    image[0, 0, 1] = image[0, 1, :2] = image[1, 2] = float(text)
    tag = (42113, 2, len(text) + 1, text, True)
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="rgb", extratags=[tag])
    found = read_image(tmp_path / "a.tif")
    assert np.argwhere(np.ma.getmaskarray(found).any(2)).tolist() == [[1, 2]]
    assert np.array_equal(found.data[0], image[0])


def test_nan_in_one_channel_is_no_data(tmp_path):
    image = np.ones((2, 3, 3), np.float32)
    image[0, 1, 2] = np.nan
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="rgb", extratags=[(42113, 2, 4, "nan", True)])
    found = read_image(tmp_path / "a.tif")
    assert np.argwhere(np.ma.getmaskarray(found).any(2)).tolist() == [[0, 1]]
    assert (found.data == 1).all()


@pytest.mark.parametrize(("value", "dtype"), [(255, np.uint8), (-9999, np.float32)])
def test_a_mask_with_pixels_without_data_counts_nowhere_there(tmp_path, value, dtype):
    ids = RANDOM.integers(0, 2, WITHOUT.shape)
    (tmp_path / "images").mkdir()
    Image.fromarray(np.zeros(WITHOUT.shape, np.uint8)).save(tmp_path / "images" / "a.png")
    write(tmp_path / "masks" / "a.tif", np.where(WITHOUT, value, ids).astype(dtype), str(value))
    dataset = find(str(tmp_path), ["background", "cell"])
    sample = dataset.read(dataset.records[0])
    assert np.array_equal(sample.valid, ~WITHOUT)
    assert np.array_equal(sample.mask, ids * ~WITHOUT)
    assert sample.nodata is None


def test_a_class_of_a_mask_is_a_class_though_the_file_calls_it_no_data(tmp_path):
    ids = RANDOM.integers(0, 2, WITHOUT.shape).astype(np.uint8)
    (tmp_path / "images").mkdir()
    Image.fromarray(np.zeros(WITHOUT.shape, np.uint8)).save(tmp_path / "images" / "a.png")
    write(tmp_path / "masks" / "a.tif", ids, "0")
    dataset = find(str(tmp_path), ["background", "cell"])
    sample = dataset.read(dataset.records[0])
    assert sample.valid.all()
    assert np.array_equal(sample.mask, ids)


@pytest.mark.parametrize(("value", "dtype"), [(65535, np.uint16), (-9999, np.float32), (np.nan, np.float32)])
def test_instances_without_data_are_no_object(tmp_path, value, dtype):
    numbers = RANDOM.integers(0, 3, WITHOUT.shape)
    (tmp_path / "images").mkdir()
    Image.fromarray(np.zeros(WITHOUT.shape, np.uint8)).save(tmp_path / "images" / "a.png")
    write(tmp_path / "instances" / "a.tif", np.where(WITHOUT, value, numbers).astype(dtype), str(value))
    dataset = find(str(tmp_path), ["background", "cell"])
    sample = dataset.read(dataset.records[0])
    assert np.array_equal(sample.instances, numbers * ~WITHOUT)
    assert np.array_equal(sample.valid, ~WITHOUT)
    (tmp_path / "masks").mkdir()
    Image.fromarray(np.ones(WITHOUT.shape, np.uint8)).save(tmp_path / "masks" / "a.png")
    dataset = find(str(tmp_path), ["background", "cell"])
    sample = dataset.read(dataset.records[0])
    assert np.array_equal(sample.instances, numbers * ~WITHOUT)
    assert sample.valid.all()  # the mask says what lies there


def test_background_of_instances_is_background_though_the_file_calls_it_no_data(tmp_path):
    (tmp_path / "images").mkdir()
    Image.fromarray(np.zeros((2, 2), np.uint8)).save(tmp_path / "images" / "a.png")
    write(tmp_path / "instances" / "a.tif", np.array([[0, 1], [2, 0]], np.uint8), "0")
    dataset = find(str(tmp_path), ["background", "cell"])
    sample = dataset.read(dataset.records[0])
    assert sample.instances.tolist() == [[0, 1], [2, 0]]
    assert sample.valid.all()


@pytest.mark.parametrize(("value", "dtype"), [(9, np.uint8), (-9999, np.float32), (np.nan, np.float32)])
def test_a_mask_of_one_class_is_ignored_where_it_has_no_data(tmp_path, value, dtype):
    (tmp_path / "images").mkdir()
    Image.fromarray(np.zeros((1, 5), np.uint8)).save(tmp_path / "images" / "a.png")
    write(tmp_path / "masks" / "a" / "a.tif", np.array([[0, 255, value, value, 0]], dtype), str(value))
    write(tmp_path / "masks" / "b" / "a.tif", np.array([[0, 0, 0, 255, value]], dtype), str(value))
    dataset = find(str(tmp_path), ["background", "a", "b"])
    sample = dataset.read(dataset.records[0])
    assert sample.valid.tolist() == [[True, True, False, True, False]]
    assert sample.mask.tolist() == [[0, 1, 0, 2, 0]]
