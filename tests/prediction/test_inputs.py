"""What predict takes, and what it refuses. The network is a threshold, so that labels are known."""

import os
import socket

import nibabel
import numpy as np
import pytest
import tifffile
import torch
import zarr
from PIL import Image
from scipy import io

from unet_lightning.command.predict import main as predict_main
from unet_lightning.error import InputError
from unet_lightning.prediction.predictor import Predictor
from unet_lightning.prediction.source import open_source
from unet_lightning.reading.image import read_image
from unet_lightning.reading.label import read_label
from unet_lightning.reading.text import read_table

RANDOM = np.random.default_rng(0)
ABOVE = 100  # is foreground


@pytest.fixture(autouse=True)
def _threshold(monkeypatch):
    def pieces(self, image, scale=None):
        values = torch.from_numpy(np.asarray(image[:, :])[..., 0].astype(np.float32))
        yield (0, 0, *values.shape), torch.stack([torch.zeros_like(values), values - ABOVE - 0.5])

    monkeypatch.setattr(Predictor, "pieces", pieces)


def run(checkpoint, *arguments):
    return predict_main([str(checkpoint), "postprocess=none", *map(str, arguments)])


def noise(*shape, dtype=np.uint8):
    return RANDOM.integers(0, 200, shape).astype(dtype)


def turned(order, signs, zooms=(0.7, 1.5, 4.0)):
    """An affine with the world's axes in some order and direction, of anisotropic voxels."""
    affine = np.zeros((4, 4))
    affine[list(order), range(3)] = np.array(signs) * zooms
    affine[:, 3] = -31, 12.5, 7, 1
    return affine


@pytest.mark.parametrize(
    ("order", "signs"), [((0, 1, 2), (1, 1, 1)), ((0, 1, 2), (-1, 1, -1)), ((2, 0, 1), (-1, -1, 1))]
)
@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_a_volume_comes_back_to_the_voxel(tmp_path, checkpoint, ending, order, signs):
    values, affine = noise(7, 9, 5, dtype=np.int16), turned(order, signs)
    image = nibabel.Nifti1Image(values, affine)
    image.header.set_qform(affine, 1)
    image.header["cal_max"] = 200
    (tmp_path / "in").mkdir()
    nibabel.save(image, tmp_path / "in" / f"a.b{ending}")
    assert run(checkpoint, tmp_path / "in", "--output", tmp_path / "out", "--instances", "--overlay") == 0
    names = [f"a.b.instances{ending}", "a.b.overlay.tif", f"a.b{ending}"]
    assert {path.name for path in (tmp_path / "out").iterdir()} == set(names)
    for name, dtype in ((names[2], np.uint8), (names[0], np.uint16)):
        found = nibabel.load(tmp_path / "out" / name)
        stored = np.asanyarray(found.dataobj)
        assert stored.dtype == dtype
        assert np.array_equal(stored > 0, values > ABOVE)
        assert np.array_equal(found.affine, nibabel.load(tmp_path / "in" / f"a.b{ending}").affine)
        assert found.header.get_zooms() == pytest.approx((0.7, 1.5, 4.0))
        assert (int(found.header["qform_code"]), float(found.header["cal_max"])) == (1, 0)


def test_a_scaled_volume_of_channels_and_a_flat_one_come_back_too(tmp_path, checkpoint):
    image = nibabel.Nifti1Image(noise(6, 5, 4).astype(np.int16), turned((0, 1, 2), (1, -1, 1)))
    image.header.set_slope_inter(2, -150)
    nibabel.save(image, tmp_path / "s.nii")
    nibabel.save(nibabel.Nifti1Image(noise(6, 5), np.eye(4)), tmp_path / "flat.nii.gz")
    assert run(checkpoint, tmp_path / "s.nii", tmp_path / "flat.nii.gz", "--output", tmp_path / "out") == 0
    for name in ("s.nii", "flat.nii.gz"):
        stored = np.asanyarray(nibabel.load(tmp_path / "out" / name).dataobj)
        assert np.array_equal(stored, nibabel.load(tmp_path / name).get_fdata() > ABOVE)


def test_more_objects_than_16_bits_count_become_32_bit_integers(tmp_path, checkpoint):
    values = np.zeros((600, 600, 1), np.uint8)
    values[::2, ::2] = 199  # 90,000 single pixels
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), tmp_path / "a.nii")
    options = ["--instances"]
    assert run(checkpoint, tmp_path / "a.nii", "--output", tmp_path / "out", *options) == 0
    found = np.asanyarray(nibabel.load(tmp_path / "out" / "a.instances.nii").dataobj)
    assert (found.dtype, found.max()) == (np.int32, 90_000)


def test_a_number_is_one_object_of_one_slice(tmp_path, checkpoint, caplog):
    """Two squares through three slices, one in the last: numbered from foot to head, which here is against the disk."""
    values = np.zeros((9, 8, 3), np.uint8)
    values[1:3, 1:3], values[5:7, 5:7], values[5:7, 1:3, 0] = 199, 199, 199
    nibabel.save(nibabel.Nifti1Image(values, turned((0, 1, 2), (1, 1, -1))), tmp_path / "a.nii")
    tifffile.imwrite(tmp_path / "s.tif", values.transpose(2, 0, 1), photometric="minisblack", metadata={"axes": "ZYX"})
    with caplog.at_level("INFO"):
        assert run(checkpoint, tmp_path / "a.nii", tmp_path / "s.tif", "--output", tmp_path / "out", "--instances") == 0
    assert "one that runs through several has a number in each" in caplog.text
    found = np.asanyarray(nibabel.load(tmp_path / "out" / "a.instances.nii").dataobj)
    expected = values * 0
    expected[1:3, 1:3], expected[5:7, 5:7] = [5, 3, 1], [7, 4, 2]
    expected[5:7, 1:3, 0] = 6
    assert np.array_equal(found, expected)
    pages = tifffile.imread(tmp_path / "out" / "s.instances.tif")
    assert [page.max() for page in pages] == [3, 2, 2]


@pytest.mark.parametrize("name", ["x.npy", "x.mat"])
def test_an_array_gives_an_array(tmp_path, checkpoint, name):
    values = noise(6, 9, dtype=np.float64)
    np.save(tmp_path / name, values) if name == "x.npy" else io.savemat(tmp_path / name, {"image": values})
    options = ["--instances", "--probabilities", "--overlay"]
    assert run(checkpoint, tmp_path / name, "--output", tmp_path / "out", *options) == 0
    labels = np.load(tmp_path / "out" / "x.npy")
    assert labels.dtype == np.uint8
    assert np.array_equal(labels, values > ABOVE)
    assert np.array_equal(np.load(tmp_path / "out" / "x.instances.npy") > 0, values > ABOVE)
    assert np.load(tmp_path / "out" / "x.probabilities.npy").shape == (2, 6, 9)
    assert Image.open(tmp_path / "out" / "x.overlay.png").size == (9, 6)


def test_what_training_refuses_is_refused_with_the_same_line(tmp_path, checkpoint, capsys):
    (tmp_path / "in").mkdir()
    tifffile.imwrite(tmp_path / "in" / "five.tif", noise(40, 30, 5))
    tifffile.imwrite(tmp_path / "in" / "mixed.tif", noise(2, 3, 40, 30), photometric="minisblack")
    np.save(tmp_path / "in" / "deep.npy", noise(2, 4, 5, 6))
    nibabel.save(nibabel.Nifti1Image(noise(2, 2, 2, 2, 2), np.eye(4)), tmp_path / "in" / "five.nii")
    assert run(checkpoint, tmp_path / "in", "--output", tmp_path / "out") == 1
    lines = capsys.readouterr().err.splitlines()
    for path in sorted((tmp_path / "in").iterdir()):
        with pytest.raises(InputError) as refused:
            read_image(path)
        assert f"error: {refused.value}" in lines
    assert len(lines) == 4
    assert not list((tmp_path / "out").iterdir())


def test_a_stack_without_names_of_axes_is_still_one(tmp_path):
    tifffile.imwrite(tmp_path / "s.tif", noise(40, 20, 33), photometric="minisblack")
    assert open_source(tmp_path / "s.tif", 1).shape == (40, 20, 33, 1)


def test_linked_folders_are_followed_once(tmp_path, checkpoint, caplog):
    caplog.set_level("INFO")
    images, elsewhere, output = tmp_path / "in", tmp_path / "elsewhere", tmp_path / "out"
    for folder in (images / "b", elsewhere / "deep"):
        folder.mkdir(parents=True)
        Image.fromarray(noise(4, 5)).save(folder / "x.png")
    for link, target in (
        (images / "a", images / "b"),  # to what is there anyway
        (images / "other", elsewhere),
        (images / "again", elsewhere),
        (images / "b" / "loop", images),
        (elsewhere / "back", images / "b"),
    ):
        link.symlink_to(target, target_is_directory=True)
    assert run(checkpoint, images, "--output", output) == 0
    written = sorted(str(path.relative_to(output)) for path in output.rglob("*.png"))
    assert written == ["again/deep/x.png", "b/x.png"]
    assert "1 linked folder followed" in caplog.text
    assert run(checkpoint, f"{images}/**/*.png", "--output", tmp_path / "two") == 0
    assert len(list((tmp_path / "two").rglob("*.png"))) == 2


def test_a_name_that_cannot_be_is_an_error_of_that_input_alone(tmp_path, checkpoint, capsys, caplog):
    caplog.set_level("INFO")
    images, output = tmp_path / "in", tmp_path / "out"
    (images / "deep").mkdir(parents=True)
    long, bell = "é" * 121 + ".png", "a\n\x1b[31m.png"
    for name in ("good.png", long, bell, "deep/x.png"):
        Image.fromarray(noise(4, 5)).save(images / name)
    output.mkdir()
    (output / "deep").write_text("a file where a folder is needed")
    inputs = [images, "n" * 300 + ".png", "nu\0ll.png", "--output", output, "--instances"]
    assert run(checkpoint, *inputs) == 1
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 5
    assert all(line.isprintable() for line in errors)
    for reason in ("has a name of 256 bytes", "control character", "Not a directory", "too long", "null"):
        assert sum(reason in line for line in errors) == 1, reason
    assert sorted(path.name for path in output.iterdir()) == ["deep", "good.instances.tif", "good.png"]
    assert caplog.messages[-1].endswith("5 broken")
    assert caplog.messages[-1].startswith("1 labelled")


def test_a_name_of_250_characters_is_labelled(tmp_path, checkpoint):
    Image.fromarray(noise(4, 5)).save(tmp_path / f"{'n' * 246}.png")
    assert run(checkpoint, tmp_path / f"{'n' * 246}.png", "--output", tmp_path / "out") == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == [f"{'n' * 246}.png"]


@pytest.mark.parametrize("name", ["file", "file/below", "n" * 300])
def test_an_output_that_cannot_be_a_folder_is_refused(tmp_path, checkpoint, name):
    (tmp_path / "file").write_text("mine")
    Image.fromarray(noise(4, 5)).save(tmp_path / "x.png")
    with pytest.raises(InputError, match="--output"):
        run(checkpoint, tmp_path / "x.png", "--output", tmp_path / name)
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("ending", [".png", ".tif", ".npy", ".mat", ".nii", ".nii.gz", ".jpg"])
def test_pipes_and_devices_are_refused_before_they_are_opened(tmp_path, checkpoint, ending, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo(f"pipe{ending}")
    os.symlink("/dev/zero", f"zero{ending}")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"socket{ending}")
        names = {f"pipe{ending}": "a pipe", f"zero{ending}": "a device", f"socket{ending}": "a socket"}
        assert run(checkpoint, *names, "--output", "out") == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines == [f"error: {n}: {kind}; expected a file; copy the data into one" for n, kind in names.items()]
    for name, kind in names.items():
        for read in (read_image, read_label):
            with pytest.raises(InputError, match=kind):
                read(tmp_path / name)
        with pytest.raises(InputError, match=kind):
            read_table(tmp_path / name)


def zarr_array(path, **options):
    array = zarr.create_array(path, shape=(32, 32), chunks=(16, 16), dtype="uint8", **options)
    array[:] = noise(32, 32)
    return path


def damage(path, content):
    path.write_bytes(content)


def test_what_a_library_says_of_a_broken_input_becomes_one_line(tmp_path, checkpoint, capsys):
    folder = tmp_path / "in"
    folder.mkdir()
    damage(zarr_array(folder / "chunk.zarr") / "c" / "1" / "0", b"no chunk")
    damage(zarr_array(folder / "meta.zarr") / "zarr.json", b"{")
    group = zarr.create_group(folder / "scales.zarr")
    group.attrs["multiscales"] = [{"axes": [{"type": "space"}], "datasets": []}]
    nibabel.save(nibabel.Nifti1Image(noise(20, 20, 20), np.eye(4)), folder / "v.nii.gz")
    damage(folder / "v.nii.gz", (folder / "v.nii.gz").read_bytes()[:2000])
    tifffile.imwrite(folder / "t.tif", np.stack([noise(64, 64)] * 2), compression="zlib", photometric="minisblack")
    content = bytearray((folder / "t.tif").read_bytes())
    with tifffile.TiffFile(folder / "t.tif") as file:
        start = file.pages[1].dataoffsets[0]
    content[start : start + 50] = bytes(50)
    damage(folder / "t.tif", content)
    damage(folder / "p.png", b"\x89PNG\r\n\x1a\n" + bytes(30))
    zarr_array(folder / "whole.zarr")
    assert run(checkpoint, folder, "--output", tmp_path / "out") == 1
    lines = capsys.readouterr().err.splitlines()
    names = ["chunk.zarr", "meta.zarr", "p.png", "scales.zarr", "t.tif", "v.nii.gz"]
    assert sorted(line.split(": ")[1] for line in lines) == [str(folder / name) for name in names]
    assert all(line.endswith("copy the file again from its source, or take it out of the data set") for line in lines)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["whole.zarr"]


@pytest.mark.parametrize("lazy", [False, True])
def test_a_page_of_a_stack_is_read_as_the_picture_alone_is(tmp_path, monkeypatch, lazy):
    pages = noise(3, 8, 9)
    white = {"photometric": "miniswhite", "metadata": {"axes": "ZYX"}}
    tifffile.imwrite(tmp_path / "stack.tif", pages, **white)
    if lazy:
        monkeypatch.setattr("unet_lightning.prediction.plane.SHARE", 1e-12)
    source = open_source(tmp_path / "stack.tif", 1)
    assert source.lazy == lazy
    for k, page in enumerate(pages):
        assert np.array_equal(source.page(k)[:, :][..., 0], 255 - page)
        assert np.array_equal(read_image(tmp_path / "stack.tif", k)[..., 0], 255 - page)


def test_channels_named_in_training_are_channels(tmp_path):
    values = noise(5, 40, 30)
    tifffile.imwrite(tmp_path / "five.tif", values, photometric="minisblack")
    np.save(tmp_path / "five.npy", values)
    for name in ("five.tif", "five.npy"):
        source = open_source(tmp_path / name, 5, axes="CYX")
        assert source.shape == (1, 40, 30, 5)
        assert np.array_equal(source.page(0), values.transpose(1, 2, 0))


def test_the_first_bytes_decide_what_is_written(tmp_path, checkpoint):
    nibabel.save(nibabel.Nifti1Image(noise(4, 5, 3), np.eye(4)), tmp_path / "v.nii")
    (tmp_path / "v.nii").rename(tmp_path / "v.png")
    Image.fromarray(noise(4, 5)).save(tmp_path / "p.png")
    (tmp_path / "p.png").rename(tmp_path / "p.tif")
    assert run(checkpoint, tmp_path / "v.png", tmp_path / "p.tif", "--output", tmp_path / "out") == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"v.nii", "p.png"}


@pytest.mark.parametrize("lazy", [False, True])
def test_pixels_without_data_of_a_stack_are_masked(tmp_path, monkeypatch, lazy):
    pages = noise(2, 8, 9, dtype=np.int16)
    pages[:, :3] = -9999
    tags = [(42113, "s", 0, "-9999", True)]
    tifffile.imwrite(tmp_path / "s.tif", pages, photometric="minisblack", metadata={"axes": "ZYX"}, extratags=tags)
    if lazy:
        monkeypatch.setattr("unet_lightning.prediction.plane.SHARE", 1e-12)
    page = open_source(tmp_path / "s.tif", 1).page(1)[:, :]
    assert np.array_equal(np.ma.getmaskarray(page)[..., 0], pages[1] == -9999)
    assert np.array_equal(page.data[3:, :, 0], pages[1, 3:])


@pytest.mark.parametrize(
    ("shape", "dtype", "bands"), [((6, 5, 4), "u1", 1), ((6, 5, 4, 2), "i2", 2), ((6, 5, 4), "3u1", 3)]
)
def test_the_header_of_a_volume_tells_the_shape_of_its_slices(tmp_path, shape, dtype, bands):
    kind = np.dtype([(name, "u1") for name in "RGB"]) if dtype == "3u1" else np.dtype(dtype)
    nibabel.save(nibabel.Nifti1Image(np.zeros(shape, kind), turned((1, 0, 2), (1, -1, 1))), tmp_path / "a.nii")
    source = open_source(tmp_path / "a.nii", bands)
    assert source.shape == (4, 5, 6, bands)
    assert source.page(3).shape == (5, 6, bands)
