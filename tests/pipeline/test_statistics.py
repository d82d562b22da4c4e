from pathlib import Path

import numpy as np
import pytest

from unet_lightning.error import InputError
from unet_lightning.pipeline.cache.entry import measure
from unet_lightning.pipeline.cache.store import Store
from unet_lightning.pipeline.inspect import inspect
from unet_lightning.record import DataSet, Record
from unet_lightning.sample import Sample

RANDOM = np.random.default_rng(0)


def sample(height, width, channels=2, share=0.3):
    mask = (RANDOM.uniform(size=(height, width)) < share).astype(np.uint8)
    return Sample(RANDOM.integers(0, 256, (height, width, channels)).astype(np.uint8), mask, mask < 2)


def store(samples):
    def read(record):
        if isinstance(samples[record.id], str):
            raise InputError(samples[record.id])
        return samples[record.id]

    records = tuple(Record(name, Path(name), split="val" if name == "v" else "train") for name in samples)
    return Store(DataSet(records, ("background", "cell"), read), normalize=None, cache_gb=1), records


def test_moments_and_counts_are_those_of_all_training_pixels():
    samples = {"a": sample(9, 5), "b": sample(4, 30), "c": sample(6, 6, share=0), "v": sample(5, 5, share=1)}
    statistics = inspect(store(samples)[0])
    pixels = np.concatenate([samples[k].image.reshape(-1, 2) for k in "abc"]).astype(float)
    np.testing.assert_allclose(statistics.mean, pixels.mean(0))
    np.testing.assert_allclose(statistics.std, pixels.std(0))
    assert statistics.class_pixels == np.bincount(np.concatenate([samples[k].mask.ravel() for k in "abc"])).tolist()
    assert statistics.class_image_pixels == [201, 165]
    assert (statistics.min_size, statistics.max_size) == ([4, 5], [9, 30])
    assert statistics.empty_share == pytest.approx(1 / 3)


def test_all_findings_come_at_once():
    samples = {"a": sample(9, 5), "b": "b.png: broken", "c": "c.png: empty", "v": sample(5, 5, channels=3)}
    with pytest.raises(InputError) as caught:
        inspect(store(samples)[0])
    assert "b.png: broken\nc.png: empty\n" in str(caught.value)
    assert "v: 3 channels; expected 2 as in the other images; set data.channels=1" in str(caught.value)


def test_the_store_keeps_what_fits_and_reads_the_rest_again():
    kept, records = store({"a": sample(8, 8), "b": sample(8, 8)})
    kept.free = measure(sample(8, 8), 2).nbytes + 100
    assert kept.entry(records[0]) is kept.entry(records[0])
    assert kept.entry(records[1]) is not kept.entry(records[1])
    assert list(kept.kept) == [records[0]]


def named(**splits):
    records = tuple(Record(name, Path(name), split=split, group=name[0]) for name, split in splits.items())
    samples = {name: sample(6, 6) for name in splits}
    dataset = DataSet(records, ("b", "c"), lambda record: samples[record.id])
    return Store(dataset, normalize=None, cache_gb=0), samples


def test_a_group_on_two_sides():
    with pytest.raises(InputError, match="group 'a' is in train and val"):
        inspect(named(a1="train", a2="val", b1="train")[0])


def test_the_same_picture_on_two_sides_and_harmless_on_one():
    kept, samples = named(a="train", b="val", c="train")
    samples["c"] = samples["a"]
    assert inspect(kept).images == 2
    samples["b"] = samples["a"]
    with pytest.raises(InputError, match=r"a \(train\) and b \(val\)"):
        inspect(kept)


def test_empty_pictures_such_as_the_outer_slices_of_volumes_may_be_on_two_sides():
    kept, samples = named(a="train", b="val")
    mask = np.zeros((6, 6), np.uint8)
    samples["a"] = samples["b"] = Sample(np.full((6, 6, 2), -1000, np.int16), mask, mask == 0)
    assert inspect(kept).images == 1


def test_an_empty_split():
    with pytest.raises(InputError, match="no record is in the split 'val'"):
        inspect(named(a="train", b="test")[0])


def test_objects_are_instances_or_connected_foreground():
    mask = np.zeros((6, 8), np.uint8)
    mask[1:3, 1:7], mask[4, 4] = 1, 1
    instances = mask.astype(np.int32)
    instances[:, 4:] *= 2
    for objects, expected in ((None, [2, 1, 6, 12]), (instances, [2, 6, 6, 7])):
        kept, samples = named(a="train", b="val")
        samples["a"] = Sample(np.zeros((6, 8, 2), np.uint8), mask, mask < 2, objects)
        assert inspect(kept).objects == expected


def test_empty_pictures_are_alike_and_leak_nothing():
    kept, samples = named(a="train", b="val")
    empty = Sample(np.zeros((6, 8, 1), np.uint8), np.eye(6, 8, dtype=np.uint8), np.ones((6, 8), bool))
    samples |= {"a": empty, "b": empty}
    assert inspect(kept).images == 1


def test_a_finding_of_many_records_is_said_once():
    kept, _ = store({"a": "volume is truncated", "b": "volume is truncated", "v": sample(5, 5)})
    with pytest.raises(InputError) as caught:
        inspect(kept)
    assert str(caught.value).count("volume is truncated") == 1


def test_the_range_of_values_is_that_of_all_images_and_peaks_leave_out_empty_ones():
    samples = {name: sample(4, 4, channels=1) for name in "abv"}
    samples["a"].image[:] = np.linspace(3, 90, 16).reshape(4, 4, 1)
    samples["b"].image[:] = np.linspace(10, 200, 16).reshape(4, 4, 1)
    samples["c"] = Sample(np.full((4, 4, 1), 1, np.uint8), samples["a"].mask, samples["a"].valid)
    statistics = inspect(store(samples)[0])
    assert statistics.value_range == [1, 200]
    assert statistics.peaks == [90, 200]
