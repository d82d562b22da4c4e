import numpy as np
import pytest
import scipy.io
import tifffile
from PIL import Image

from unet_lightning.data.folder import find
from unet_lightning.error import InputError
from unet_lightning.reading.image import read_image
from unet_lightning.reading.label import read_label

RANDOM = np.random.default_rng(0)
IDS = RANDOM.integers(0, 4, (7, 5))


@pytest.mark.parametrize("shape", [(1, 7, 5), (7, 5, 1), (7, 5), (1, 1, 7, 5)])
@pytest.mark.parametrize("read", [read_image, read_label])
def test_an_axis_of_length_one_is_left_out(tmp_path, shape, read):
    np.save(tmp_path / "a.npy", IDS.astype(np.uint8).reshape(shape))
    assert np.array_equal(read(tmp_path / "a.npy").squeeze(), IDS)


@pytest.mark.parametrize("number", [2, 3, 4, 5])
@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("dtype", [bool, np.uint8, np.float32])
def test_one_channel_a_class_of_which_one_is_set(tmp_path, number, first, dtype):
    ids = RANDOM.integers(0, number, (7, 6))
    hot = np.eye(number)[ids].astype(dtype)
    np.save(tmp_path / "a.npy", np.moveaxis(hot, -1, 0) if first else hot)
    assert np.array_equal(read_label(tmp_path / "a.npy", classes=number), ids)


@pytest.mark.parametrize("number", [3, 4])
def test_channels_of_which_none_or_several_are_set_are_refused(tmp_path, number):
    hot = np.eye(number)[IDS % number]
    hot[0, 0], hot[1, 1] = 0, 1
    np.save(tmp_path / "a.npy", hot)
    with pytest.raises(InputError, match=rf"a\.npy: {number} channels as classes, but 1 pixels have none set and 1 ha"):
        read_label(tmp_path / "a.npy", classes=number)


def test_channels_that_are_not_the_classes_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.eye(4)[IDS])
    with pytest.raises(InputError, match=r"a\.npy: an array of \(7, 5, 4\); expected \(H, W\) class ids, or a channel"):
        read_label(tmp_path / "a.npy", classes=3)


def test_colours_are_no_one_hot(tmp_path):
    colors = np.eye(3)[IDS % 3].astype(np.uint8) * 255
    np.save(tmp_path / "a.npy", colors)
    assert np.array_equal(read_label(tmp_path / "a.npy", classes=3), colors)
    np.save(tmp_path / "a.npy", colors // 255)
    assert np.array_equal(read_label(tmp_path / "a.npy", in_color=True, classes=3), colors // 255)


@pytest.mark.parametrize("axes", ["CYX", "YXC", "YCX", "ZYX", "yxz", "XYC"])
@pytest.mark.parametrize("suffix", [".npy", ".mat", ".tif", "imagej"])
def test_axes_that_are_stated(tmp_path, axes, suffix):
    picture = RANDOM.integers(0, 255, (7, 6, 5)).astype(np.uint8)  # YXC
    order = ["YXC".index("C" if name not in "YX" else name) for name in axes.upper()]
    stored = np.ascontiguousarray(picture.transpose(order))
    path = tmp_path / f"a{'.tif' if suffix == 'imagej' else suffix}"
    if suffix == ".npy":
        np.save(path, stored)
    elif suffix == ".mat":
        scipy.io.savemat(path, {"image": stored})
    else:
        tifffile.imwrite(path, stored, imagej=suffix == "imagej")
    (tmp_path / "images").mkdir()
    path.rename(tmp_path / "images" / path.name)
    if suffix == ".mat":
        return assert_mat(tmp_path, axes, picture)
    (tmp_path / "masks").mkdir()
    Image.fromarray(np.zeros((7, 6), np.uint8)).save(tmp_path / "masks" / "a.png")
    dataset = find(str(tmp_path), ["background", "cell"], axes=axes)
    assert np.array_equal(dataset.read(dataset.records[0]).image, picture)


def assert_mat(root, axes, picture):
    """No image of ours is a .mat, but one that is called otherwise."""
    axes = axes.upper().replace("Z", "C")
    assert np.array_equal(read_image(root / "images" / "a.mat", axes=axes), picture)


@pytest.mark.parametrize("axes", ["YX", "CZYX", "CCY", "ABC", "Y X"])
def test_axes_that_mean_nothing_are_refused(tmp_path, axes):
    with pytest.raises(InputError, match=r"data\.axes=.*; expected Y, X and a letter"):
        find(str(tmp_path), ["background", "cell"], axes=axes)


def test_axes_leave_pictures_of_two_axes_alone(tmp_path):
    np.save(tmp_path / "a.npy", IDS)
    tifffile.imwrite(tmp_path / "a.tif", IDS.astype(np.uint8))
    for suffix in (".npy", ".tif"):
        assert np.array_equal(read_image(tmp_path / f"a{suffix}", axes="CYX")[..., 0], IDS)


def test_axes_of_an_array_of_four_are_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((2, 3, 7, 5), np.uint8))
    with pytest.raises(InputError, match=r"a\.tif: 4 axes \(2, 3, 7, 5\); data\.axes=CYX names 3"):
        read_image(tmp_path / "a.tif", axes="CYX")


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_is_the_class_where_the_colour_is_constant(tmp_path, mode):
    alpha = np.where(IDS > 1, 255, 0).astype(np.uint8)
    picture = np.full((7, 5, len(mode)), 40, np.uint8)
    picture[..., -1] = alpha
    Image.fromarray(picture, mode).save(tmp_path / "a.png")
    assert np.array_equal(read_label(tmp_path / "a.png"), alpha)
    picture[0, 0, 0] = 41
    Image.fromarray(picture, mode).save(tmp_path / "a.png")
    assert np.array_equal(read_label(tmp_path / "a.png").reshape(7, 5, -1), picture[..., :-1])


def test_alpha_of_a_tiff_is_the_class_where_the_colour_is_constant(tmp_path):
    picture = np.zeros((7, 5, 4), np.uint8)
    picture[..., 3] = np.where(IDS > 1, 255, 0)
    tifffile.imwrite(tmp_path / "a.tif", picture, photometric="rgb", extrasamples=["unassalpha"])
    assert np.array_equal(read_label(tmp_path / "a.tif"), picture[..., 3])


@pytest.mark.parametrize("read", [read_image, read_label])
def test_complex_numbers_are_refused(tmp_path, read):
    tifffile.imwrite(tmp_path / "a.tif", IDS.astype(np.complex64))
    with pytest.raises(InputError, match=r"a\.tif: numbers of type complex64"):
        read(tmp_path / "a.tif")
