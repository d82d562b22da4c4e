"""TIFF files whose tags say what their numbers mean, compared with Pillow or with arrays worked out by hand."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from unet_lightning.error import InputError
from unet_lightning.label import LabelEncoding
from unet_lightning.reading.image import read_image
from unet_lightning.reading.label import read_label
from unet_lightning.reading.sample import read_files
from unet_lightning.record import Record

RANDOM = np.random.default_rng(0)
COLORS = [[0, 0, 0], [200, 30, 40], [10, 220, 90]]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("read", [read_image, read_label])
def test_white_is_zero_is_honoured(tmp_path, dtype, read):
    seen = RANDOM.integers(0, np.iinfo(dtype).max, (7, 5)).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", np.iinfo(dtype).max - seen, photometric="miniswhite")
    assert np.array_equal(read(tmp_path / "a.tif").squeeze(), seen)


@pytest.mark.parametrize("compression", ["raw", "group4", "group3", "tiff_ccitt", "packbits", "tiff_lzw"])
@pytest.mark.parametrize("photometric", [0, 1])
def test_one_bit_as_pillow_reads_it(tmp_path, compression, photometric):
    seen = RANDOM.integers(0, 2, (11, 21)).astype(bool)
    path = tmp_path / "a.tif"
    Image.fromarray(seen).save(path, compression=compression, tiffinfo={262: photometric})
    with Image.open(path) as picture:
        assert picture.tag_v2[262] == photometric
        expected = np.asarray(picture)
    assert np.array_equal(read_label(path) > 0, expected)
    assert np.array_equal(read_image(path)[..., 0] > 0, expected)


@pytest.mark.parametrize("bits", [2, 4, 12])
def test_white_is_zero_of_few_bits(tmp_path, bits):
    seen = RANDOM.integers(0, 2**bits, (8, 8)).astype(np.uint8 if bits < 8 else np.uint16)
    stored = 2**bits - 1 - seen
    options = {"bitspersample": bits, "photometric": "miniswhite"}
    tifffile.imwrite(tmp_path / "a.tif", stored.astype(seen.dtype), **options)
    assert np.array_equal(read_label(tmp_path / "a.tif"), seen)


def palette_tiff(path, ids, colors=COLORS, **options):
    picture = Image.fromarray(ids, "P")
    picture.putpalette([channel for color in colors for channel in color])
    picture.save(path, **options)


def test_a_palette_gives_indices_or_colours(tmp_path):
    ids = RANDOM.integers(0, 3, (7, 5)).astype(np.uint8)
    palette_tiff(tmp_path / "m.tif", ids)
    Image.fromarray(np.zeros((7, 5), np.uint8)).save(tmp_path / "i.png")
    record = Record("a", tmp_path / "i.png", mask=tmp_path / "m.tif")
    assert np.array_equal(read_files(record, LabelEncoding(3)).mask, ids)
    swapped = [COLORS[0], COLORS[2], COLORS[1]]
    assert np.array_equal(read_files(record, LabelEncoding(3, colors=swapped)).mask, np.array([0, 2, 1])[ids])
    assert np.array_equal(read_image(tmp_path / "m.tif"), np.array(COLORS)[ids])


@pytest.mark.parametrize("mode", ["CMYK", "LAB", "YCbCr"])
@pytest.mark.parametrize("read", [read_image, read_label])
def test_colours_that_are_not_rgb_are_refused_by_name(tmp_path, mode, read):
    array = RANDOM.integers(0, 255, (8, 8, 4 if mode == "CMYK" else 3)).astype(np.uint8)
    Image.fromarray(array, mode).save(tmp_path / "a.tif")
    with pytest.raises(InputError, match=r"a\.tif: colours as \w+ of uint8; expected grey, palette or RGB"):
        read(tmp_path / "a.tif")


def test_white_is_zero_of_floats_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 4), np.float32), photometric="miniswhite")
    with pytest.raises(InputError, match=r"a\.tif: colours as MINISWHITE of float32"):
        read_image(tmp_path / "a.tif")


def test_jpeg_inside_a_tiff_is_rgb(tmp_path):
    smooth = np.indices((32, 32)).sum(0)[..., None] * np.array([4, 2, 1]) + np.array([0, 60, 120])
    Image.fromarray(smooth.astype(np.uint8)).save(tmp_path / "a.tif", compression="jpeg", quality=95)
    assert np.abs(read_image(tmp_path / "a.tif").astype(int) - smooth).max() < 12


def test_a_stack_asks_for_the_axes(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((7, 6, 5), np.uint8))
    with pytest.raises(InputError, match=r"set data\.axes=YXC if the 5 are channels"):
        read_image(tmp_path / "a.tif")
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((3, 7, 6), np.uint8), imagej=True, metadata={"axes": "ZYX"})
    with pytest.raises(InputError, match=r"set data\.axes=CYX if the 3 are channels"):
        read_image(tmp_path / "a.tif")
