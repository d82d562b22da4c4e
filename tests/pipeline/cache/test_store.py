import hashlib
import logging
from dataclasses import replace
from functools import partial

import cv2
import numpy as np
import pytest
import torch

from tests.small import config
from unet_lightning.config.schema import Loading, Sampling
from unet_lightning.error import InputError
from unet_lightning.label import LabelEncoding
from unet_lightning.normalize.image import ImageZScore
from unet_lightning.pipeline.build import build_data_module
from unet_lightning.pipeline.cache import array_cache, identity
from unet_lightning.pipeline.cache.array_cache import ArrayCache
from unet_lightning.pipeline.cache.store import Store
from unet_lightning.pipeline.data_module import DataModule
from unet_lightning.reading.sample import read_files
from unet_lightning.record import DataSet, Record
from unet_lightning.sample import Sample
from unet_lightning.training.run import train as train_run

RANDOM = np.random.default_rng(0)
WHERE = {"memory": "data.cache_gb=1", "disk": "data.cache_gb=0", "nowhere": "data.cache_gb=0"}
CROPS = ["data.crop=16", "data.batch_size=4", "data.crops_per_image=2", "augment=elastic"]


@pytest.fixture(autouse=True)
def _settled(monkeypatch):
    monkeypatch.setattr(identity, "SETTLED", 0.0)


@pytest.fixture
def root(tmp_path):
    """70 pictures: more than are worth processes; 16 bit, three classes, some ignored."""
    for kind in ("images", "masks"):
        (tmp_path / "set" / kind).mkdir(parents=True)
    for k in range(70):
        mask = RANDOM.integers(0, 3, (4, 5)).repeat(8, 0).repeat(6, 1).astype(np.uint8)
        mask[:3, :3] = 255
        image = (mask.astype(int) * 200 + RANDOM.integers(0, 5000, mask.shape)).astype(np.uint16)
        cv2.imwrite(str(tmp_path / "set" / "images" / f"{k:02d}.png"), image)
        cv2.imwrite(str(tmp_path / "set" / "masks" / f"{k:02d}.png"), mask)
    return tmp_path / "set"


def built(root, where="disk", *overrides, workers=0):
    folder = "null" if where == "nowhere" else root.parent / "cache"
    choice = [WHERE[where], f"data.cache_dir={folder}", f"data.num_workers={workers}"]
    own = ["data=folder", f"data.root={root}", "data.classes=[ground,a,b]", "data.ignore=255"]
    return build_data_module(config(*own, *CROPS, *choice, *overrides))


def digest(data, epochs=2):
    """Everything two epochs and the validation give."""
    found = hashlib.sha256()
    train, val = data.train_dataloader(), data.val_dataloader()
    for epoch in range(epochs):
        train.sampler.set_epoch(epoch)
        for batch in (*train, *val):
            for key in ("image", "mask", "weight", "valid"):
                found.update(batch[key].numpy().tobytes() if key in batch else b"")
    return found.hexdigest()


@pytest.mark.parametrize("overrides", [["weight=border"], ["normalize=percentile"]])
def test_samples_and_statistics_are_the_same_wherever_they_are_kept(root, overrides):
    expected = built(root, "nowhere", *overrides)
    samples = digest(expected)
    for where, workers in (("memory", 0), ("memory", 2), ("disk", 2), ("disk", 0), ("disk", 2)):
        data = built(root, where, *overrides, workers=workers)
        assert data.statistics == expected.statistics
        assert digest(data) == samples, (where, workers)


def noted(record, notes, encoding):
    with open(notes, "a") as file:
        file.write(record.id + "\n")
    return read_files(record, encoding)


def counting(root, transforms=None, workers=2):
    """A data module whose reader notes each time it is called, and the notes."""
    data = built(root, "nowhere", "weight=border")
    dataset = data.dataset
    read = partial(noted, notes=str(root.parent / "notes.txt"), encoding=LabelEncoding(3, ignore=255))
    sampling = Sampling(
        16, crops_per_image=2, steps=None, min_steps=1, foreground=0.5, foreground_by="crop", ridge=1, batch_size=4
    )
    loading = Loading(num_workers=workers, cache_gb=0, cache_dir=str(root.parent / "cache"))
    transforms = replace(data.transforms, normalize=ImageZScore())
    again = DataModule(DataSet(dataset.records, dataset.classes, read), transforms, sampling, loading, seed=0)
    return again, root.parent / "notes.txt"


def test_every_picture_is_decoded_once_and_never_again(root):
    data, notes = counting(root)
    first = notes.read_text().split()
    assert sorted(first) == [f"{k:02d}" for k in range(70)]
    digest(data)
    counting(root)
    assert notes.read_text().split() == first


def test_normalising_numbers_are_measured_once_by_all_workers(root, monkeypatch):
    data, _ = counting(root)
    data.store.affines.fill_(torch.nan)
    measured = root.parent / "measured.txt"
    original = ImageZScore.__call__

    def spy(self, image):
        with measured.open("a") as file:
            file.write("x")
        return original(self, image)

    monkeypatch.setattr(ImageZScore, "__call__", spy)
    digest(data, epochs=3)
    used = len(data.dataset.split("train")) + len(data.dataset.split("val"))
    assert used <= measured.stat().st_size <= 1.3 * used  # two workers may need one at the same moment


def test_a_set_kept_on_disk_leaves_nothing_in_memory(root):
    data = built(root, "disk", "weight=border")
    digest(data)
    assert not data.store.kept
    assert not data.store.pieces
    entry = data.store.entry(data.dataset.records[0])
    assert not entry.image.flags.owndata
    assert not entry.image.flags.writeable


def test_a_set_that_fits_in_memory_touches_no_disk(root):
    built(root, "memory")
    assert not (root.parent / "cache").exists()


def test_a_changed_file_is_read_anew(root):
    data = built(root)
    before = digest(data)
    path = data.dataset.split("train")[0].image
    cv2.imwrite(str(path), cv2.imread(str(path), -1)[::-1])
    assert digest(built(root)) != before
    assert digest(built(root)) == digest(built(root, "nowhere"))


def test_another_coding_is_read_anew(root):
    built(root)
    values = "data.label_values={0:0,1:2,2:1}"
    assert digest(built(root, "disk", values)) == digest(built(root, "nowhere", values)) != digest(built(root))


def test_a_file_that_changes_while_it_is_read_is_not_kept(root, tmp_path):
    record = Record("a", root / "images" / "00.png", root / "masks" / "00.png", split="train")
    (tmp_path / "second.png").write_bytes((root / "images" / "01.png").read_bytes())
    dataset = DataSet((record,), ("ground", "a", "b"), partial(overwritten, by=tmp_path / "second.png"))
    kept = Store(dataset, None, 0, str(tmp_path / "cache"))
    kept.settle()
    kept.entry(record)
    assert not list((tmp_path / "cache").rglob("*.npy"))


def overwritten(record, by):
    sample = read_files(record, LabelEncoding(3, ignore=255))
    record.image.write_bytes(by.read_bytes())
    return sample


@pytest.mark.parametrize("workers", [0, 2])
def test_a_folder_that_cannot_be_written_is_said_once_and_costs_nothing_but_time(root, caplog, workers):
    expected = digest(built(root, "nowhere"))
    (root.parent / "cache").touch()
    caplog.set_level(logging.INFO)
    data = built(root, "disk", workers=workers)
    assert digest(data) == expected
    warnings = [line.message for line in caplog.records if line.levelname == "WARNING"]
    assert len(warnings) == 1
    assert "Not a directory" in warnings[0]
    assert "data.cache_dir" in warnings[0]


def test_a_disk_without_room_for_the_set_is_left_alone(root, caplog, monkeypatch):
    monkeypatch.setattr(ArrayCache, "room", 1000)
    data = built(root, "disk")
    assert "has only 0.0 GiB free" in caplog.text
    assert data.store.disk is None
    assert not (root.parent / "cache").exists()


def test_a_set_that_is_on_disk_already_needs_no_room(root, caplog, monkeypatch):
    built(root, "disk")
    monkeypatch.setattr(ArrayCache, "room", 0)
    assert built(root, "disk").store.disk is not None


def test_a_reader_without_a_name_is_read_again_and_said(tmp_path, caplog):
    records = tuple(Record(str(k), tmp_path, split="train") for k in range(3))
    mask = np.zeros((4, 4), np.uint8)
    sample = Sample(mask[..., None], mask, mask == 0)
    kept = Store(DataSet(records, ("a", "b"), lambda record: sample), None, 0, str(tmp_path / "cache"))
    kept.settle()
    assert kept.disk is None
    assert "read again each time" in caplog.text


def test_several_processes_find_what_one_finds(root):
    for name in ("masks/03.png", "images/40.png", "masks/69.png"):
        (root / name).write_bytes(b"broken")
    cv2.imwrite(str(root / "images" / "10.png"), np.zeros((32, 30, 3), np.uint8))
    found = []
    for workers in (0, 2):
        with pytest.raises(InputError) as caught:
            built(root, "memory", workers=workers)
        found.append(str(caught.value))
    assert found[0] == found[1]
    broken, channels = found[0].splitlines()  # three files with one fault are one line
    assert all(name in broken for name in ("03.png", "40.png", "69.png"))
    assert "10.png: 3 channels" in channels


def test_the_size_of_the_set_is_said(root, caplog):
    caplog.set_level(logging.INFO)
    built(root, "disk")
    assert "GiB decoded, more than data.cache_gb: kept in" in caplog.text
    assert "make clean-cache" in caplog.text


@pytest.mark.filterwarnings("error:.*not writable.*")
def test_a_run_from_disk_scores_what_a_run_from_memory_scores(tmp_path):
    drawn = ["data=synthetic", "data.number=10", "data.height=40", "data.width=50", "data.cells=6", "data.crop=24"]
    short = ["trainer.max_epochs=1", "model.depth=1", "data.num_workers=0", "trainer.accelerator=cpu"]
    quiet = ["trainer.enable_progress_bar=false", f"data.cache_dir={tmp_path / 'cache'}"]
    found = [
        train_run(config(*drawn, *short, *quiet, f"data.cache_gb={size}"), tmp_path / str(size)) for size in (1, 0)
    ]
    assert found[0]["val"] == found[1]["val"]
    assert found[0]["test"] == found[1]["test"]
    assert len(list((tmp_path / "cache").glob("??/*.npy"))) == 10


def test_a_damaged_entry_on_disk_is_decoded_again_and_verified_in_the_process_that_inspects(root, monkeypatch):
    expected = built(root)
    record = expected.dataset.records[5]
    [path] = root.parent.rglob(f"{expected.store.disk.keys[record]}-entry.npy")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 64
    path.write_bytes(content)
    again = built(root, workers=2)
    assert np.array_equal(again.store[record].image, expected.store.dataset.read(record).image)
    assert path.read_bytes() != content
    monkeypatch.setattr(array_cache, "_is_sound", lambda path: 1 / 0)  # every entry has been looked at
    assert len([again.store[record] for record in again.dataset.records]) == 70
