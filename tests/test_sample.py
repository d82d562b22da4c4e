import numpy as np
import pytest

from unet_lightning import sample
from unet_lightning.error import InputError
from unet_lightning.label import LabelEncoding
from unet_lightning.sample import renumbered, to_sample

IMAGE = np.zeros((2, 3, 1), np.uint8)


def instances(values, dtype):
    return np.array(values, dtype).reshape(2, 3)


@pytest.mark.parametrize("dtype", [np.uint32, np.int64, np.float64])
def test_large_object_numbers_stay_apart(dtype):
    labels = instances([0, 2**31 + 1, 16_777_216, 16_777_217, 5, 0], dtype)
    found = to_sample(IMAGE, LabelEncoding(2), instances=labels)
    assert found.instances.tolist() == [[0, 4, 2], [3, 1, 0]]
    assert found.mask.tolist() == [[0, 1, 1], [1, 1, 0]]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32])
@pytest.mark.parametrize("kinds", [1, 2, 200])
def test_counted_and_sorted_object_numbers_are_the_same(monkeypatch, dtype, kinds):
    labels = np.random.default_rng(kinds).choice(256, (40, 30)).astype(dtype) % kinds
    counted = renumbered(labels)
    monkeypatch.setattr(sample, "COUNTED", 0)
    assert counted.dtype == np.int32
    assert np.array_equal(counted, renumbered(labels))
    assert renumbered(labels[:0]).shape == (0, 30)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (instances([0, 0.5, 0, 0, 0, 0], float), "instances holds 0.5; expected whole numbers"),
        (instances([0, np.nan, 0, 0, 0, 0], float), "instances holds nan"),
        (instances([0, -1, 0, 0, 0, 0], np.int16), "instances hold -1"),
        (np.zeros((2, 3, 3), np.uint8), "colour picture"),
    ],
)
def test_what_are_no_object_numbers(labels, words):
    with pytest.raises(InputError, match=words):
        to_sample(IMAGE, LabelEncoding(2), instances=labels)
    with pytest.raises(InputError, match=words):
        to_sample(IMAGE, LabelEncoding(2), mask=np.zeros((2, 3), np.uint8), instances=labels)


def test_an_infinite_mask():
    with pytest.raises(InputError, match="mask holds inf"):
        to_sample(IMAGE, LabelEncoding(2), mask=instances([0, np.inf, 0, 0, 0, 0], float))
