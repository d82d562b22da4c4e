import numpy as np
import pytest

from unet_lightning.evaluation.baseline import otsu


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("bright", [True, False])
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_otsu_finds_objects_of_either_polarity(dtype, bright, channels):
    mask = np.zeros((20, 20), np.uint8)
    mask[5:9, 3:12] = 1
    grey = np.where((mask == 1) == bright, 200, 30) + np.random.default_rng(0).integers(0, 20, mask.shape)
    image = np.repeat(grey[..., None], channels, 2).astype(dtype)
    assert np.array_equal(otsu(image, mask, mask < 2), mask)
