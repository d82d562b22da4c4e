"""Files that are cut off or damaged end in one line that names them, never in a library's error or a wrong picture."""

import json

import nibabel
import numpy as np
import pytest
import scipy.io
import tifffile
from PIL import Image

from unet_lightning.data.folder import find
from unet_lightning.error import InputError
from unet_lightning.reading.image import read_image
from unet_lightning.reading.label import read_label
from unet_lightning.reading.text import parse_json, read_table

RANDOM = np.random.default_rng(0)
LABEL = RANDOM.integers(0, 3, (40, 32)).astype(np.uint8)


def write_tiff(compression=None, **options):
    return lambda path: tifffile.imwrite(path, LABEL, compression=compression, rowsperstrip=8, **options)


def write_palette(path):
    picture = Image.fromarray(LABEL, "P")
    picture.putpalette([0, 0, 0, 9, 9, 9, 200, 0, 0])
    picture.save(path)


WRITERS = {
    "plain.tif": write_tiff(),
    "lzw.tif": write_tiff("lzw"),
    "deflate.tif": write_tiff("zlib", predictor=True),
    "zstd.tif": write_tiff("zstd"),
    "packbits.tif": write_tiff("packbits"),
    "tiled.tif": lambda path: tifffile.imwrite(path, LABEL, tile=(16, 16), compression="zlib"),
    "libtiff.tif": lambda path: Image.fromarray(LABEL).save(path, compression="tiff_lzw"),
    "group4.tif": lambda path: Image.fromarray(LABEL > 0).save(path, compression="group4"),
    "palette.tif": write_palette,
    "palette.png": write_palette,
    "a.gif": write_palette,
    "a.bmp": lambda path: Image.fromarray(LABEL).save(path),
    "a.jpg": lambda path: Image.fromarray(LABEL).save(path),
    "a.npy": lambda path: np.save(path, LABEL),
    "a.mat": lambda path: scipy.io.savemat(path, {"label": LABEL}, do_compression=True),
    "a.nii": lambda path: nibabel.save(nibabel.Nifti1Image(LABEL, np.eye(4)), path),
    "a.nii.gz": lambda path: nibabel.save(nibabel.Nifti1Image(LABEL, np.eye(4)), path),
}


def tried(read, path):
    """What a reader gives, or its line."""
    try:
        return read(path)
    except InputError as error:
        return str(error)


@pytest.mark.parametrize("name", WRITERS)
def test_a_file_that_is_cut_anywhere_is_refused_or_read_as_it_was(tmp_path, name):
    path = tmp_path / name
    WRITERS[name](path)
    whole, right = path.read_bytes(), read_label(path)
    for share in (0, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99):
        path.write_bytes(whole[: int(share * len(whole))])
        found = tried(read_label, path)
        if isinstance(found, str):
            assert name in found
            assert "\n" not in found
        else:
            assert np.array_equal(found, right)


@pytest.mark.parametrize("name", WRITERS)
def test_a_file_with_strange_bytes_raises_nothing_but_a_line_with_its_name(tmp_path, name):
    path = tmp_path / name
    WRITERS[name](path)
    whole, random = path.read_bytes(), np.random.default_rng(len(name))
    for _ in range(25):
        data = bytearray(whole)
        for place in random.integers(0, min(len(data), random.choice([80, 400])), 3):
            data[place] = random.integers(256)
        path.write_bytes(data)
        for read in (read_image, read_label):
            found = tried(read, path)
            assert not isinstance(found, str) or name in found


@pytest.mark.parametrize("compression", ["lzw", "zlib", "zstd", "packbits"])
@pytest.mark.parametrize("options", [{"rowsperstrip": 40}, {"tile": (48, 32)}])
def test_compressed_data_that_ends_early_is_refused_and_no_zeros(tmp_path, compression, options):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, LABEL, compression=compression, **options)
    data = bytearray(path.read_bytes())
    place = entry_of(data, 325 if "tile" in options else 279)
    count = int.from_bytes(data[place + 8 : place + 12], "little")
    data[place + 8 : place + 12] = (count // 2).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"a\.tif: "):
        read_image(path)


def entry_of(data, code):
    """Where the entry of a tag begins in a little-endian TIFF with its directory behind the header."""
    number = int.from_bytes(data[8:10], "little")
    places = [10 + 12 * k for k in range(number)]
    return next(p for p in places if int.from_bytes(data[p : p + 2], "little") == code)


@pytest.mark.parametrize("code", [273, 279])
@pytest.mark.parametrize("read", [read_image, read_label])
def test_a_tiff_whose_strips_are_lost_is_refused(tmp_path, code, read):
    path = tmp_path / "a.tif"
    write_tiff()(path)
    data = bytearray(path.read_bytes())
    place = entry_of(data, code)
    data[place + 8 : place + 12] = (10**6).to_bytes(4, "little")  # its list of five strips is beyond the end
    path.write_bytes(data)
    with pytest.raises(InputError, match=rf"a\.tif: damaged or truncated, its tag {code} can't be read"):
        read(path)


@pytest.mark.parametrize("count", [4, 0])
def test_a_tiff_that_names_too_few_strips_or_an_empty_one_is_refused(tmp_path, count):
    path = tmp_path / "a.tif"
    write_tiff()(path)
    data = bytearray(path.read_bytes())
    place = entry_of(data, 279)
    if count:
        data[place + 4 : place + 8] = count.to_bytes(4, "little")
    else:
        values = int.from_bytes(data[place + 8 : place + 12], "little")
        data[values : values + 2] = bytes(2)
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"a\.tif: damaged or truncated, .* (4 of 5 strips|has no bytes)"):
        read_image(path)


@pytest.mark.parametrize("options", [{"imagej": True}, {"ome": True}, {}])
@pytest.mark.parametrize("cut", [100, 500, 1500, 3000, 5000])
def test_a_stack_that_is_cut_is_refused_and_not_read_as_its_first_page(tmp_path, options, cut):
    path, stack = tmp_path / "a.tif", RANDOM.integers(0, 255, (5, 40, 32)).astype(np.uint8)
    tifffile.imwrite(path, stack, metadata={"axes": "CYX"}, **options)
    assert np.array_equal(read_image(path), np.moveaxis(stack, 0, -1))
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(InputError, match=r"a\.tif: "):
        read_image(path)


@pytest.mark.parametrize(("last", "came"), [("images/b.png", "1 value"), ("b,b,b,b,", "more than 3")])
def test_a_manifest_whose_last_row_is_cut_is_refused(tmp_path, last, came):
    (tmp_path / "manifest.csv").write_text(f"image,mask,split\na.png,b.png,train\n{last}")
    found = find(str(tmp_path), ["background", "cell"])
    (finding,) = found.findings
    assert f"manifest.csv, row 3: {came}" in finding
    assert "; expected 3 as in the first row; " in finding
    assert not found.records


def test_empty_cells_and_empty_lines_of_a_table_are_no_cut(tmp_path):
    (tmp_path / "a.csv").write_text("image,mask\na.png,\n\nb.png,c.png\n")
    assert [row["mask"] for row in read_table(tmp_path / "a.csv")[1]] == ["", "c.png"]


@pytest.mark.parametrize("data", [b"", b"{", b"[" * 100_000, b"\xff\xfe{", json.dumps({"a": 1}).encode()[:-1]])
def test_json_that_is_none_is_refused_by_name(tmp_path, data):
    (tmp_path / "a.json").write_bytes(data)
    with pytest.raises(InputError, match=r"a\.json "):
        parse_json(tmp_path / "a.json")


def test_a_tiff_that_is_refused_is_closed(tmp_path, monkeypatch):
    opened = []

    class Watched(tifffile.TiffFile):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            opened.append(self)

    monkeypatch.setattr(tifffile, "TiffFile", Watched)
    WRITERS["plain.tif"](tmp_path / "a.tif")
    (tmp_path / "a.tif").write_bytes((tmp_path / "a.tif").read_bytes()[:-100])
    with pytest.raises(InputError):
        read_image(tmp_path / "a.tif")
    assert [file.filehandle.closed for file in opened] == [True]
