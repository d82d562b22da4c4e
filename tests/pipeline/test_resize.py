import numpy as np
import pytest

from unet_lightning.pipeline.resize import resized
from unet_lightning.sample import Sample


def drawn(dtype, channels=1, shape=(6, 8)):
    random = np.random.default_rng(0)
    image = random.integers(0, 200, (*shape, channels)).astype(dtype)
    mask = random.integers(0, 2, shape).astype(np.uint8)
    return Sample(image, mask, random.random(shape) > 0.2, np.arange(48, dtype=np.int32).reshape(shape))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.int32, np.float32])
@pytest.mark.parametrize("channels", [1, 3, 7])
def test_half_the_size_averages_four_grey_values_and_takes_one_label(dtype, channels):
    sample = drawn(dtype, channels)
    found = resized(sample, 0.5)
    means = sample.image.astype(np.float64).reshape(3, 2, 4, 2, channels).mean((1, 3))
    assert found.image.dtype == dtype
    assert np.abs(found.image - means).max() <= (0.5 if np.issubdtype(dtype, np.integer) else 1e-4)
    for name in ("mask", "valid", "instances"):
        assert getattr(found, name).dtype == getattr(sample, name).dtype
        assert np.array_equal(getattr(found, name), getattr(sample, name)[1::2, 1::2])


def test_twice_the_size_repeats_every_label():
    sample = drawn(np.uint8)
    found = resized(sample, 2)
    assert found.image.shape == (12, 16, 1)
    assert np.array_equal(found.instances, sample.instances.repeat(2, 0).repeat(2, 1))


def test_a_label_is_never_mixed_and_no_side_vanishes():
    sample = drawn(np.uint8, shape=(6, 8))
    assert set(np.unique(resized(sample, 0.37).instances)) <= set(range(48))
    assert resized(sample, 0.01).mask.shape == (1, 1)
