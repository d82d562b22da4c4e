import numpy as np
import pytest

from unet_lightning.normalize.image import Image
from unet_lightning.normalize.none import Unchanged


def test_image_gives_mean_zero_and_deviation_one_for_each_channel():
    image = np.random.default_rng(0).integers(0, 4000, (30, 20, 3)).astype(np.uint16)
    shift, scale = Image()(image)
    normalised = (image - shift) / scale
    np.testing.assert_allclose(normalised.mean((0, 1)), 0, atol=1e-5)
    np.testing.assert_allclose(normalised.std((0, 1)), 1, atol=1e-5)


def test_a_constant_channel_is_only_shifted():
    shift, scale = Image()(np.full((4, 4, 1), 7, np.uint8))
    assert (shift.tolist(), scale.tolist()) == ([7], [1])


@pytest.mark.parametrize(("dtype", "largest"), [(np.uint8, 255), (np.uint16, 65535), (np.float32, 1)])
def test_none_divides_by_the_range_of_the_type(dtype, largest):
    shift, scale = Unchanged()(np.zeros((2, 2, 2), dtype))
    assert (shift.tolist(), scale.tolist()) == ([0, 0], [largest, largest])
