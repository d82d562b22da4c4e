import shlex
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tests.small import config
from unet_lightning.cli import main
from unet_lightning.command.convert import main as verb
from unet_lightning.error import InputError
from unet_lightning.label import LabelEncoding
from unet_lightning.pipeline.build import build_data_module
from unet_lightning.pipeline.convert import convert
from unet_lightning.pipeline.find import find_dataset
from unet_lightning.pipeline.layout import unused_numbers
from unet_lightning.reading.nodata import filled
from unet_lightning.record import DataSet, Record, split_hash
from unet_lightning.sample import to_sample

RANDOM = np.random.default_rng(0)
CLASSES = ("ground, bare", "it's a cell", "élan")


def drawn(record, dtype, channels, ignore, instances):
    random = np.random.default_rng(len(record.id))
    shape = (9 + len(record.id), 14)
    low = -2000 if np.dtype(dtype).kind != "u" else 0
    image = random.uniform(low, 250 if dtype == np.uint8 else 60000 if dtype == np.uint16 else 2000, (*shape, channels))
    mask = random.integers(0, 3, shape).astype(np.uint8)
    mask[:2, :3] = 200 if ignore else 0
    objects = random.permutation(instances)[: mask.size // 2].repeat(2).reshape(shape) if instances else None
    return to_sample(image.astype(dtype), LabelEncoding(3, ignore=200), mask, objects)


def dataset(dtype=np.uint8, channels=1, ignore=False, instances=0):
    names = ["a", "train/b b", "..//ü", "dd", "eeeee"]
    records = [
        Record(name, name, group=f"g{k}", split=("train", "train", "val", "test", "train")[k], kind="x" * (k % 2))
        for k, name in enumerate(names)
    ]
    read = partial(drawn, dtype=dtype, channels=channels, ignore=ignore, instances=instances)
    return DataSet(tuple(records), CLASSES, read)


def read_back(folder):
    """The data set that the command in the folder's README.md trains on."""
    line = (folder / "README.md").read_text(encoding="utf-8").splitlines()[-1]
    command = shlex.split(line)
    assert command[:2] == ["python", "train.py"]
    return find_dataset(config(*command[2:]))


def assert_alike(one, other):
    assert one.classes == other.classes
    assert not other.findings
    for a, b in zip(one.records, other.records, strict=True):
        assert (a.id, a.split, a.group, a.kind) == (b.id, b.split, b.group, b.kind)
        first, second = one.read(a), other.read(b)
        for name in ("image", "mask", "valid", "instances", "nodata"):
            x, y = getattr(first, name), getattr(second, name)
            assert (x is None) == (y is None)
            assert x is None or (x.dtype == y.dtype and np.array_equal(x, y)), (a.id, name)
    assert split_hash(one.records) == split_hash(other.records)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 7])
def test_every_type_and_number_of_channels_comes_back_alike(tmp_path, dtype, channels):
    made = dataset(dtype, channels)
    assert convert(made, tmp_path / "ä out", workers=0) == []
    assert_alike(made, read_back(tmp_path / "ä out"))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32])
@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_without_data_come_back_without_data(tmp_path, dtype, channels):
    image = np.ma.masked_array(RANDOM.integers(0, 200, (9, 8, channels)).astype(dtype), False)
    image[2:4, 1:5] = np.ma.masked
    sample = to_sample(filled(Path("a"), image), LabelEncoding(3), RANDOM.integers(0, 3, (9, 8)))
    made = DataSet(tuple(Record(n, n, split=n) for n in ("train", "val")), CLASSES, lambda record: sample)
    assert convert(made, tmp_path / "out", workers=0) == []
    assert_alike(made, read_back(tmp_path / "out"))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([0, 1, 3], np.uint8), 2),
        (np.arange(65535, dtype=np.uint16), 65535),
        (np.array([5], np.int16), -32768),
        (np.array([5], np.int32), -(2**31)),
        (np.array([0.5], np.float32), np.nan),
    ],
)
def test_the_number_for_no_data_is_one_that_no_pixel_holds(values, expected):
    number = unused_numbers(values)[0]
    assert number.dtype == values.dtype
    assert np.array_equal(number, expected, equal_nan=True)
    assert not len(unused_numbers(np.arange(256, dtype=np.uint8)))


@pytest.mark.parametrize("ignore", [False, True])
@pytest.mark.parametrize("instances", [0, 500, 100_000])
def test_ignored_pixels_and_objects_come_back_alike(tmp_path, ignore, instances):
    made = dataset(ignore=ignore, instances=instances)
    assert convert(made, tmp_path / "out", workers=0) == []
    assert_alike(made, read_back(tmp_path / "out"))
    assert ("data.ignore=255" in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")) == ignore


def test_more_than_65535_objects_in_one_picture(tmp_path):
    objects = np.arange(70_000).reshape(250, 280)
    sample = to_sample(np.zeros((250, 280, 1), np.uint8), LabelEncoding(2), None, objects)
    made = DataSet(tuple(Record(n, n, split=n) for n in ("train", "val")), ("a", "b"), lambda record: sample)
    assert convert(made, tmp_path / "out", workers=0) == []
    assert_alike(made, read_back(tmp_path / "out"))


def test_256_classes_and_ignored_pixels(tmp_path):
    mask = np.arange(300).reshape(15, 20)
    encoding = LabelEncoding(256, ignore=299, values={k: k % 256 for k in range(299)})
    sample = to_sample(np.zeros((15, 20, 1), np.uint8), encoding, mask)
    names = tuple(f"c{k}" for k in range(256))
    made = DataSet(tuple(Record(n, n, split=n) for n in ("train", "val")), names, lambda record: sample)
    assert convert(made, tmp_path / "out", workers=0) == []
    assert_alike(made, read_back(tmp_path / "out"))


@pytest.mark.parametrize(
    "choice", [["data=nuclei"], ["data=synthetic", "data.number=70", "data.height=40", "data.width=50"]]
)
def test_the_verb_writes_what_its_last_line_trains_on(tmp_path, capsys, choice):
    assert verb(["--output", str(tmp_path / "out"), *choice]) == 0
    line = capsys.readouterr().out.strip()
    assert line == (tmp_path / "out" / "README.md").read_text().splitlines()[-1].strip()
    one, other = (config(*o) for o in (choice, shlex.split(line)[2:]))
    assert_alike(find_dataset(one), read_back(tmp_path / "out"))
    assert build_data_module(one).statistics == build_data_module(other).statistics
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_an_existing_folder_is_left_alone(tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(InputError, match="exists; name a folder that doesn't"):
        convert(dataset(), tmp_path / "out", workers=0)
    assert not list((tmp_path / "out").iterdir())


def test_broken_records_are_all_named_and_nothing_is_written(tmp_path, capsys):
    (tmp_path / "set" / "images").mkdir(parents=True)
    (tmp_path / "set" / "masks").mkdir()
    for name in "abc":
        for kind in ("images", "masks"):
            (tmp_path / "set" / kind / f"{name}.png").write_bytes(b"broken")
    assert verb(["data=folder", f"data.root={tmp_path / 'set'}", f"--output={tmp_path / 'out'}"]) == 1
    errors = capsys.readouterr().err
    assert all(f"images/{name}.png" in errors for name in "abc")
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_wrong_arguments_exit_with_2(monkeypatch, capsys):
    for arguments in (["data=nuclei"], ["data=nucle", "--output=/x"]):
        monkeypatch.setattr("sys.argv", ["unet-lightning", "convert", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        assert caught.value.code == 2
    assert "did you mean 'nuclei'" in capsys.readouterr().err


def test_another_scale_keeps_splits_and_resizes_image_and_label_alike(tmp_path, capsys):
    small = ["data=synthetic", "data.number=5", "data.height=40", "data.width=36", "data.cells=4"]
    assert verb([*small, "--scale", "0.5", "--output", str(tmp_path / "half")]) == 0
    assert "0.5 times those of the originals" in (tmp_path / "half" / "README.md").read_text(encoding="utf-8")
    whole, half = find_dataset(config(*small)), read_back(tmp_path / "half")
    assert split_hash(half.records) == split_hash(whole.records)
    for one, other in zip(whole.records, half.records, strict=True):
        sample, found = whole.read(one), half.read(other)
        assert found.image.shape == (20, 18, 1)
        assert np.array_equal(found.mask, sample.mask[1::2, 1::2])
    with pytest.raises(InputError, match="expected a number above 0"):
        verb([*small, "--scale", "0", "--output", str(tmp_path / "none")])
