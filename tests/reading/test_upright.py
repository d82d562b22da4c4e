import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from unet_lightning.label import LabelEncoding
from unet_lightning.reading.sample import read_files
from unet_lightning.reading.upright import upright
from unet_lightning.record import Record

BLOCKS = np.array([[0, 1, 0], [1, 1, 0]], np.uint8).repeat(16, 0).repeat(16, 1)  # of whole JPEG blocks, no symmetry


def write(path, array, orientation):
    if path.suffix == ".tif":
        tifffile.imwrite(path, array, extratags=[(274, 3, 1, orientation, True)])
        return
    picture = Image.fromarray(array)
    exif = picture.getexif()
    exif[274] = orientation
    options = {"lossless": True} if path.suffix == ".webp" else {}
    picture.save(path, exif=exif, **options)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_as_pillow_turns_it(orientation):
    picture = Image.fromarray(BLOCKS)
    picture.getexif()[274] = orientation
    assert np.array_equal(upright(BLOCKS, orientation), np.asarray(ImageOps.exif_transpose(picture)))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
def test_image_and_mask_are_turned_alike_whatever_the_format(tmp_path, suffix, orientation):
    write(tmp_path / f"i{suffix}", BLOCKS * 200, orientation)
    ending = ".png" if suffix == ".webp" else suffix  # which knows colours only
    write(tmp_path / f"m{ending}", BLOCKS * 200, orientation)
    plain = upright(BLOCKS, orientation)
    record = Record("a", tmp_path / f"i{suffix}", mask=tmp_path / f"m{ending}")
    sample = read_files(record, LabelEncoding(2, threshold=100))
    assert np.array_equal(sample.image[..., 0] > 100, plain > 0)
    assert np.array_equal(sample.mask, plain)


def test_an_orientation_in_the_mask_alone_turns_it_to_its_image(tmp_path):
    Image.fromarray(BLOCKS).save(tmp_path / "i.png")
    write(tmp_path / "m.tif", np.ascontiguousarray(BLOCKS[::-1, ::-1]), 3)
    sample = read_files(Record("a", tmp_path / "i.png", mask=tmp_path / "m.tif"), LabelEncoding(2))
    assert np.array_equal(sample.mask, sample.image[..., 0])
