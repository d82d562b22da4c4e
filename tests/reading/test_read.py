import functools
import operator
import tracemalloc
import zlib

import cv2
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


def array(channels, dtype, height=7, width=5):
    return RANDOM.integers(0, np.iinfo(dtype).max, (height, width, channels)).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
def test_png_comes_back_as_it_was_in_rgb_order(tmp_path, dtype, channels):
    image = array(channels, dtype)
    cv2.imwrite(str(tmp_path / "a.png"), image[..., ::-1])
    assert read_image(tmp_path / "a.png").dtype == dtype
    assert np.array_equal(read_image(tmp_path / "a.png"), image)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("compression", [None, "lzw"])
def test_tiff_of_any_number_of_channels(tmp_path, dtype, channels, compression):
    image = array(channels, np.uint8).astype(dtype)
    photometric = "rgb" if channels == 3 else "minisblack"
    stored = image[..., 0] if channels == 1 else image
    options = {} if channels == 1 else {"planarconfig": "contig"}
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric=photometric, compression=compression, **options)
    assert np.array_equal(read_image(tmp_path / "a.tif"), image)


def test_alpha_is_dropped_where_it_is_alpha(tmp_path):
    rgba = array(4, np.uint8)
    Image.fromarray(rgba).save(tmp_path / "rgba.png")
    Image.fromarray(rgba[..., :2], "LA").save(tmp_path / "la.png")
    tifffile.imwrite(tmp_path / "rgba.tif", rgba, photometric="rgb", extrasamples=["unassalpha"])
    assert np.array_equal(read_image(tmp_path / "rgba.png"), rgba[..., :3])
    assert np.array_equal(read_image(tmp_path / "la.png"), rgba[..., :1])
    assert np.array_equal(read_image(tmp_path / "rgba.tif"), rgba[..., :3])


def test_jpeg_is_turned_upright(tmp_path):
    picture = Image.fromarray(np.repeat(np.repeat(array(3, np.uint8, 2, 3), 16, 0), 16, 1))
    exif = picture.getexif()
    exif[0x0112] = 6
    picture.save(tmp_path / "a.jpg", exif=exif, quality=95)
    assert read_image(tmp_path / "a.jpg").shape == (48, 32, 3)


@pytest.mark.parametrize(("dtype", "largest"), [(np.uint8, 255), (np.uint16, 65535)])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_labels_keep_their_numbers(tmp_path, dtype, largest, suffix):
    label = RANDOM.integers(0, largest, (6, 4)).astype(dtype)
    label[0, 0] = largest
    path = tmp_path / f"a{suffix}"
    tifffile.imwrite(path, label) if suffix == ".tif" else cv2.imwrite(str(path), label)
    assert np.array_equal(read_label(path), label)


def test_a_palette_label_gives_its_indices(tmp_path):
    label = RANDOM.integers(0, 3, (6, 4)).astype(np.uint8)
    picture = Image.fromarray(label, "P")
    picture.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    picture.save(tmp_path / "a.png")
    assert np.array_equal(read_label(tmp_path / "a.png"), label)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".bmp"])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.95])
@pytest.mark.parametrize("read", [read_image, read_label])
def test_a_truncated_file_is_refused_by_name(tmp_path, suffix, share, read):
    path = tmp_path / f"a{suffix}"
    Image.fromarray(array(1, np.uint8, 64, 64)[..., 0]).save(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(InputError, match=f"a{suffix}"):
        read(path)


def test_a_damaged_png_is_refused(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(array(1, np.uint8, 64, 64)[..., 0]).save(path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"a\.png: damaged"):
        read_image(path)


def test_bytes_after_the_end_of_a_picture_do_no_harm(tmp_path):
    for suffix in (".png", ".jpg"):
        path = tmp_path / f"a{suffix}"
        Image.fromarray(array(1, np.uint8)[..., 0]).save(path)
        expected = read_image(path)
        path.write_bytes(path.read_bytes() + b"\xff\xda and more")
        assert np.array_equal(read_image(path), expected)


@pytest.mark.parametrize(("axes", "shape"), [("CYX", (3, 7, 5)), ("YXC", (7, 5, 3)), ("YXS", (7, 5, 3))])
def test_channels_of_a_tiff_wherever_they_are(tmp_path, axes, shape):
    image = RANDOM.integers(0, 255, shape).astype(np.uint8)
    options = {"photometric": "rgb"} if axes == "YXS" else {"photometric": "minisblack", "metadata": {"axes": axes}}
    tifffile.imwrite(tmp_path / "a.tif", image, **options)
    assert np.array_equal(read_image(tmp_path / "a.tif"), np.moveaxis(image, axes.replace("S", "C").index("C"), -1))


@pytest.mark.parametrize("axes", ["ZYX", "TYX", None])
def test_a_stack_of_pictures_is_refused(tmp_path, axes):
    metadata = {"axes": axes} if axes else None
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 7, 5), np.uint8), photometric="minisblack", metadata=metadata)
    with pytest.raises(InputError, match=r"\(4, 7, 5\); expected one picture"):
        read_image(tmp_path / "a.tif")


@pytest.mark.parametrize("dtype", [np.int32, np.uint32, np.float64, np.float16, np.int8])
def test_types_the_pipeline_cannot_resample_become_float32(tmp_path, dtype):
    image = np.arange(35).reshape(7, 5).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", image)
    assert read_image(tmp_path / "a.tif").dtype == np.float32
    assert np.array_equal(read_image(tmp_path / "a.tif")[..., 0], image)


def test_a_jpeg_whose_thumbnail_is_whole_but_whose_picture_is_not(tmp_path):
    path = tmp_path / "a.jpg"
    Image.fromarray(array(3, np.uint8, 64, 64)).save(path)
    whole = path.read_bytes()
    app1 = b"\xff\xe1" + (len(whole) + 2).to_bytes(2, "big") + whole
    path.write_bytes((whole[:2] + app1 + whole[2:])[:-40])
    with pytest.raises(InputError, match=r"a\.jpg: .*truncated"):
        read_image(path)


def write_pair(folder, mask, instances=None):
    Image.fromarray(array(3, np.uint8)).save(folder / "image.png")
    Image.fromarray(mask).save(folder / "mask.png")
    return Record("a", folder / "image.png", mask=folder / "mask.png")


def test_sizes_that_differ(tmp_path):
    record = write_pair(tmp_path, np.zeros((7, 4), np.uint8))
    with pytest.raises(InputError, match=r"mask\.png: mask is 7x4, its image is 7x5"):
        read_files(record, LabelEncoding(2))


def test_values_outside_the_classes_print_the_line_that_mends_it(tmp_path):
    mask = np.zeros((7, 5), np.uint8)
    mask[2:4] = 255
    record = write_pair(tmp_path, mask)
    with pytest.raises(InputError, match=r"values \{0, 255\}; expected class ids 0\.\.1; set .*\{0:0,255:1\}"):
        read_files(record, LabelEncoding(2))
    mended = read_files(record, LabelEncoding(2, values={0: 0, 255: 1}))
    assert np.array_equal(mended.mask, mask // 255)


def test_an_ignored_value_is_invalid_everywhere(tmp_path):
    mask = np.zeros((7, 5), np.uint8)
    mask[0], mask[1] = 1, 255
    sample = read_files(write_pair(tmp_path, mask), LabelEncoding(2, ignore=255))
    assert (~sample.valid).sum() == 5
    assert sample.mask.max() == 1


def test_instances_alone_are_class_one(tmp_path):
    record = write_pair(tmp_path, np.array([[0, 300], [7, 0]], np.uint16).repeat(4, 0)[:7].repeat(3, 1)[:, :5])
    sample = read_files(Record("a", record.image, instances=record.mask), LabelEncoding(2))
    assert sorted(np.unique(sample.instances)) == [0, 1, 2]
    assert np.array_equal(sample.mask, sample.instances > 0)


def test_an_ignored_instance_is_invalid_and_no_object(tmp_path):
    labels = np.zeros((7, 5), np.uint16)
    labels[0], labels[1] = 3, 65535
    record = write_pair(tmp_path, labels)
    sample = read_files(Record("a", record.image, instances=record.mask), LabelEncoding(2, ignore=65535))
    assert (~sample.valid).sum() == 5
    assert (sample.mask.sum(), sample.instances.max()) == (5, 1)


def test_nan_and_infinity_are_refused(tmp_path):
    image = np.zeros((7, 5), np.float32)
    image[0, :2] = np.nan, np.inf
    tifffile.imwrite(tmp_path / "i.tif", image)
    Image.fromarray(np.zeros((7, 5), np.uint8)).save(tmp_path / "m.png")
    with pytest.raises(InputError, match="2 values that are NaN or infinite"):
        read_files(Record("a", tmp_path / "i.tif", mask=tmp_path / "m.png"), LabelEncoding(2))


@pytest.mark.parametrize(("channels", "stored"), [(1, 3), (3, 1), (3, 3), (None, 1)])
def test_channels_can_be_made_alike(tmp_path, channels, stored):
    image = array(stored, np.uint8)
    cv2.imwrite(str(tmp_path / "i.png"), image[..., ::-1])
    Image.fromarray(np.zeros((7, 5), np.uint8)).save(tmp_path / "m.png")
    found = read_files(Record("a", tmp_path / "i.png", mask=tmp_path / "m.png"), LabelEncoding(2), channels).image
    assert found.shape == (7, 5, channels or stored)
    if (channels, stored) == (1, 3):
        assert np.abs(found[..., 0] - image @ [0.299, 0.587, 0.114]).max() <= 1


def claim(path, side):
    """Write a file of about 1 KB whose header says side x side."""
    if path.suffix == ".png":
        header = side.to_bytes(4, "big") * 2 + bytes([8, 0, 0, 0, 0])
        parts = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(900), 0)), (b"IEND", b"")]
        pieces = [len(d).to_bytes(4, "big") + n + d + zlib.crc32(n + d).to_bytes(4, "big") for n, d in parts]
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(pieces))
        return
    Image.fromarray(np.zeros((25, 25), np.uint8)).save(path)
    data = bytearray(path.read_bytes())
    if path.suffix == ".jpg":
        where = data.find(b"\xff\xc0")
        data[where + 5 : where + 9] = min(side, 65535).to_bytes(2, "big") * 2
    else:
        for entry in range(int.from_bytes(data[4:8], "little") + 2, len(data) - 12, 12):
            if int.from_bytes(data[entry : entry + 2], "little") in (256, 257, 278):  # width, length, rows a strip
                data[entry + 2 : entry + 12] = (
                    (4).to_bytes(2, "little") + (1).to_bytes(4, "little") + side.to_bytes(4, "little")
                )
    path.write_bytes(data)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg"])
@pytest.mark.parametrize("read", [read_image, read_label])
def test_a_small_file_that_claims_a_huge_picture_is_refused_before_memory_is_taken(tmp_path, suffix, read):
    path = tmp_path / f"a{suffix}"
    claim(path, 100_000)
    tracemalloc.start()
    with pytest.raises(InputError, match=r"a\.\w+: claims [\d,]+ pixels in"):
        read(path)
    assert tracemalloc.get_traced_memory()[1] < 10e6
    tracemalloc.stop()


def test_a_link_to_nowhere_and_a_folder_in_place_of_a_file(tmp_path):
    (tmp_path / "a.png").symlink_to(tmp_path / "gone.png")
    with pytest.raises(InputError, match=r"a\.png: no such file"):
        read_image(tmp_path / "a.png")
    (tmp_path / "b.png").mkdir()
    with pytest.raises(InputError, match=r"b\.png: Is a directory"):
        read_image(tmp_path / "b.png")


@pytest.mark.parametrize("kind", ["rgb", "palette"])
def test_a_colour_coded_mask_prints_the_line_that_reads_it(tmp_path, kind):
    ids = np.zeros((7, 5), np.uint8)
    ids[:2], ids[6] = 1, 2
    colors = [[0, 0, 0], [128, 0, 64], [0, 255, 0]]
    picture = Image.fromarray(np.array(colors, np.uint8)[ids])
    if kind == "palette":
        picture = Image.fromarray(ids, "P")
        picture.putpalette(functools.reduce(operator.iadd, colors, []))
    record = write_pair(tmp_path, ids)
    picture.save(tmp_path / "mask.png")
    if kind == "rgb":
        with pytest.raises(InputError) as caught:
            read_files(record, LabelEncoding(3))
        assert f"set 'data.colors={str(colors).replace(' ', '')}'" in str(caught.value)
    assert np.array_equal(read_files(record, LabelEncoding(3, colors=colors)).mask, ids)
    with pytest.raises(InputError, match=r"colours \(0, 255, 0\), which data\.colors doesn't name"):
        read_files(record, LabelEncoding(2, colors=colors[:2]))
    ignoring = read_files(record, LabelEncoding(2, colors=colors[:2], ignore=255 << 8))
    assert np.array_equal(ignoring.valid, ids < 2)


@pytest.mark.parametrize("compression", [None, "zlib", "lzw", "jpeg"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.99])
def test_a_truncated_tiff_of_any_compression(tmp_path, compression, share):
    path = tmp_path / "a.tif"
    image = RANDOM.integers(0, 255, (128, 64)).astype(np.uint8)
    tifffile.imwrite(path, image, compression=compression, rowsperstrip=16)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(InputError, match=r"a\.tif: "):
        read_image(path)


def test_channels_that_cannot_be_made_alike(tmp_path):
    tifffile.imwrite(tmp_path / "i.tif", array(6, np.uint8), photometric="minisblack", planarconfig="contig")
    Image.fromarray(np.zeros((7, 5), np.uint8)).save(tmp_path / "m.png")
    with pytest.raises(InputError, match=r"6 channels can't become data\.channels=1; set data\.channels=null"):
        read_files(Record("a", tmp_path / "i.tif", mask=tmp_path / "m.png"), LabelEncoding(2), 1)
