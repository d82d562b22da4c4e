import pytest
import torch

from tests.conftest import CONVOLUTIONS, UPSAMPLES, build_unet, randomise
from unet_lightning.model.geometry import Geometry


def test_the_paper_network():
    geometry = Geometry(depth=4, convolution="valid")
    assert geometry.output_size(572) == 388
    assert geometry.margin == geometry.halo == 92
    assert geometry.multiple == 16


def test_sizes_near_one_that_would_pool_an_odd_side():
    geometry = Geometry(depth=4, convolution="valid")
    assert geometry.output_size(570) is None
    assert geometry.nearest_sizes(570) == [556, 572]
    assert geometry.input_size(384) == 572
    assert geometry.nearest_sizes(20) == [geometry.input_size(1)] == [188]


@pytest.mark.parametrize("convolution", CONVOLUTIONS)
@pytest.mark.parametrize("upsample", UPSAMPLES)
@pytest.mark.parametrize("depth", [1, 3])
def test_geometry_tells_the_networks_output_size(convolution, upsample, depth):
    network = build_unet(upsample, convolution=convolution, depth=depth).eval()
    geometry = network.geometry
    for wanted in (1, 10, 33):
        size = geometry.input_size(wanted)
        with torch.inference_mode():
            output = network(torch.zeros(1, 1, size, size)).shape[-1]
        assert output == geometry.output_size(size) == size - 2 * geometry.margin
        assert output >= wanted


def nan_reaches(network, distance, side):
    """Whether NaN in everything `distance` or more left of an aligned block makes any of the block's outputs NaN."""
    geometry = network.geometry
    first = geometry.halo + 4 * geometry.multiple
    size = geometry.input_size(2 * first + geometry.multiple)
    image = torch.randn(1, 1, 96, size, generator=torch.Generator().manual_seed(0))
    image[..., : first - distance + 1] = float("nan")
    if side == "right":  # an aligned block's mirror image is aligned when the size is a multiple
        image = image.flip(-1)
        first = size - first - geometry.multiple
    with torch.inference_mode():
        logits = network(image)
    return bool(logits[..., first : first + geometry.multiple].isnan().any())


@pytest.mark.parametrize("upsample", UPSAMPLES)
@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("depth", [2, 4])
def test_context_is_the_measured_reach_of_a_same_network(upsample, side, depth):
    network = randomise(build_unet(upsample, depth=depth))
    context = network.geometry.context
    assert nan_reaches(network, context, side)
    assert not nan_reaches(network, context + 1, side)
    assert context <= network.geometry.halo < context + network.geometry.multiple


@pytest.mark.parametrize("upsample", UPSAMPLES)
def test_every_pixel_of_a_valid_networks_margin_is_needed(upsample):
    network = randomise(build_unet(upsample, convolution="valid", depth=3))
    size = network.geometry.input_size(1)
    for column in (0, size - 1):
        image = torch.zeros(1, 1, size, size)
        image[..., column] = float("nan")
        with torch.inference_mode():
            assert network(image).isnan().any()
