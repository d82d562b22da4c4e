import os
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from unet_lightning.label import LabelEncoding
from unet_lightning.pipeline.cache import identity
from unet_lightning.pipeline.cache.identity import reader_identity, record_identity
from unet_lightning.reading.sample import read_files
from unet_lightning.record import DataSet, Record

CLASSES = ("background", "cell")


def dataset(classes=CLASSES, channels=None, **encoding):
    return DataSet(
        (), classes, partial(read_files, encoding=LabelEncoding(len(classes), **encoding), channels=channels)
    )


@pytest.fixture
def record(tmp_path, monkeypatch):
    monkeypatch.setattr(identity, "SETTLED", 0.0)
    for name in ("a.png", "m.png"):
        (tmp_path / name).write_bytes(b"12345")
    return Record("a", tmp_path / "a.png", tmp_path / "m.png", group="g")


def test_how_records_are_read_is_part_of_it():
    sets = [dataset(), dataset(channels=1), dataset(ignore=255), dataset(values={0: 0, 9: 1}), dataset((*CLASSES, "x"))]
    assert len({reader_identity(found) for found in sets}) == len(sets)
    assert reader_identity(dataset(ignore=255)) == reader_identity(dataset(ignore=255))


def test_a_reader_without_a_name_has_no_identity():
    assert reader_identity(DataSet((), CLASSES, lambda record: record)) is None


def test_a_table_that_a_reader_is_given_is_part_of_it(tmp_path):
    table = tmp_path / "table.json"
    table.write_text("1")
    found = DataSet((), CLASSES, partial(read_files, encoding=table))
    before = reader_identity(found)
    table.write_text("2")
    assert reader_identity(found) != before


def test_code_and_libraries_are_part_of_it(monkeypatch):
    before = reader_identity(dataset())
    monkeypatch.setattr(identity, "_package", lambda: "another version")
    assert reader_identity(dataset()) != before


def test_the_side_of_the_split_is_none_of_it_and_everything_else_is(record, tmp_path):
    here = record_identity("reader", record)
    assert record_identity("reader", replace(record, split="val")) == here
    others = [replace(record, **{name: "x"}) for name in ("id", "group")]
    others.append(replace(record, image=tmp_path / "m.png", mask=tmp_path / "a.png"))
    assert here not in {record_identity("reader", other) for other in others} | {record_identity("other", record)}


def test_a_change_that_keeps_size_and_time_is_seen(record):
    stamp = os.stat(record.mask)
    here = record_identity("reader", record)
    time.sleep(0.02)  # longer than a tick of the file system's clock
    record.mask.write_bytes(b"54321")
    os.utime(record.mask, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert os.stat(record.mask).st_mtime_ns == stamp.st_mtime_ns
    assert record_identity("reader", record) != here


def test_files_below_a_folder_count(record, tmp_path):
    masks = tmp_path / "masks"
    masks.mkdir()
    (masks / "1.png").write_bytes(b"1")
    many = replace(record, mask=masks)
    here = record_identity("reader", many)
    assert record_identity("reader", many) == here
    time.sleep(0.02)
    (masks / "1.png").write_bytes(b"2")
    assert record_identity("reader", many) != here


def test_a_file_of_this_moment_is_not_trusted_yet(record, monkeypatch):
    monkeypatch.setattr(identity, "SETTLED", 2.0)
    record.image.write_bytes(b"9")
    assert record_identity("reader", record) is None


def test_pictures_without_files_are_told_by_how_they_are_drawn(record):
    drawn = replace(record, image=Path("drawn-1"), mask=None)
    assert record_identity("reader", drawn) != record_identity("reader", replace(drawn, id="b"))


def test_every_process_finds_the_same(record):
    code = (
        "import sys\nfrom tests.pipeline.cache.test_identity import dataset\nfrom unet_lightning.record import Record\n"
        "from pathlib import Path\nfrom unet_lightning.pipeline.cache import identity\nidentity.SETTLED = 0\n"
        "a, m = map(Path, sys.argv[1:])\nreader = identity.reader_identity(dataset(values={0: 0, 9: 1}))\n"
        "print(identity.record_identity(reader, Record('a', a, m, group='g')))"
    )
    expected = record_identity(reader_identity(dataset(values={0: 0, 9: 1})), record)
    for seed in ("1", "2"):
        command = [sys.executable, "-c", code, str(record.image), str(record.mask)]
        environment = os.environ | {"PYTHONHASHSEED": seed}
        done = subprocess.run(
            command, cwd=Path(__file__).parents[3], env=environment, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == expected


def test_a_file_from_the_future_is_settled_too(tmp_path):
    path = tmp_path / "x.png"
    path.write_bytes(b"x")
    assert record_identity("reader", Record("x", path)) is None
    ahead = time.time() + 3600  # the clock was put back since
    os.utime(path, (ahead, ahead))
    assert record_identity("reader", Record("x", path)) is not None
