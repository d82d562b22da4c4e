import itertools

import pytest
import torch
from hydra.utils import instantiate

from tests.conftest import CONVOLUTIONS, UPSAMPLES, build_unet, randomise
from unet_lightning.config.compose import compose
from unet_lightning.error import InputError
from unet_lightning.fusion.add import Add
from unet_lightning.fusion.concat import Concat


@pytest.mark.parametrize(
    ("convolution", "upsample", "fusion"), itertools.product(CONVOLUTIONS, UPSAMPLES, [Concat, Add])
)
def test_every_convolution_upsample_and_fusion_trains_a_step(convolution, upsample, fusion):
    network = build_unet(upsample, fusion, convolution=convolution)
    size = network.geometry.input_size(20)
    before = [parameter.detach().clone() for parameter in network.parameters()]
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    logits = network(torch.randn(2, 1, size, size))
    torch.nn.functional.cross_entropy(logits, torch.randint(0, 2, logits[:, 0].shape)).backward()
    optimizer.step()
    moved = [not torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True)]
    assert sum(moved) > 0.8 * len(moved)  # a bias before batch norm has no gradient


@pytest.mark.parametrize("upsample", UPSAMPLES)
@pytest.mark.parametrize("convolution", CONVOLUTIONS)
def test_the_interior_is_the_middle_of_a_whole_pass(convolution, upsample):
    network = randomise(build_unet(upsample, convolution=convolution, depth=3)).double()
    geometry = network.geometry
    size = geometry.input_size(40 + 2 * (geometry.halo - geometry.margin))
    image = torch.randn(1, 1, size, size, dtype=torch.float64)
    with torch.inference_mode():
        whole, interior = network(image), network.interior(image)
    rim = (whole.shape[-1] - interior.shape[-1]) // 2
    assert interior.shape[-1] == size - 2 * geometry.halo
    torch.testing.assert_close(interior, whole[..., rim : rim + interior.shape[-1], rim : rim + interior.shape[-1]])


@pytest.mark.parametrize(("upsample", "fusion"), itertools.product(UPSAMPLES, [Concat, Add]))
@pytest.mark.parametrize("size", [(1, 1), (17, 23), (64, 31)])
def test_same_convolution_takes_any_size(upsample, fusion, size):
    network = build_unet(upsample, fusion).eval()
    assert network(torch.randn(1, 1, *size)).shape == (1, 2, *size)


def paper_network():
    return instantiate(compose(["model=paper"]).model, in_channels=1, classes=2)


def test_the_paper_network_to_the_letter():
    network = paper_network()
    kinds = (torch.nn.Conv2d, torch.nn.ConvTranspose2d)
    assert sum(isinstance(module, kinds) for module in network.modules()) == 23
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in network.modules())

    def conv(inputs, outputs, kernel):
        return inputs * outputs * kernel * kernel + outputs

    widths = [64, 128, 256, 512, 1024]
    count = conv(1, 64, 3) + sum(conv(w, w, 3) for w in widths) + conv(64, 2, 1)
    for fine, coarse in itertools.pairwise(widths):
        count += conv(fine, coarse, 3) + conv(coarse, fine, 2) + conv(2 * fine, fine, 3) + conv(fine, fine, 3)
    assert sum(p.numel() for p in network.parameters()) == count == 31_030_658


def test_the_paper_network_maps_572_to_388():
    network = paper_network().eval()
    with torch.inference_mode():
        assert network(torch.zeros(1, 1, 572, 572)).shape == (1, 2, 388, 388)


def test_a_size_a_valid_network_cannot_take_names_the_nearest():
    with pytest.raises(InputError, match=r"takes 556 or 572 near 570"):
        build_unet(convolution="valid", depth=4)(torch.zeros(1, 1, 572, 570))


def test_dropout_is_at_the_bottom_and_only_in_training():
    network = build_unet(dropout=1.0, norm="none")
    image = torch.randn(1, 1, 16, 16)
    bottom, _, _ = network.encoder(image)
    assert bottom.abs().sum() == 0
    bottom, _, _ = network.eval().encoder(image)
    assert bottom.abs().sum() > 0


def test_he_initialisation():
    network = build_unet(base_channels=64, max_channels=512, norm="none", depth=1)
    convolution = network.encoder.blocks[1][2]
    assert convolution.weight.std().item() == pytest.approx((2 / (128 * 9)) ** 0.5, rel=0.02)
    up = network.decoder.ups[0].convolution
    assert up.weight.std().item() == pytest.approx((2 / 128) ** 0.5, rel=0.02)
    assert convolution.bias.abs().max() == 0


def test_channels_double_up_to_the_cap():
    network = build_unet(depth=4, base_channels=8, max_channels=32)
    assert [block[0].out_channels for block in network.encoder.blocks] == [8, 16, 32, 32, 32]


@pytest.mark.parametrize("norm", ["none", "batch", "instance", "group"])
def test_every_norm(norm):
    network = build_unet(norm=norm)
    assert network.geometry.exact == (norm in ("none", "batch"))
    assert network(torch.randn(2, 1, 16, 16)).isfinite().all()
