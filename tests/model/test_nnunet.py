import pytest
import torch
from torch import nn

from unet_lightning.error import InputError
from unet_lightning.fusion.add import Add
from unet_lightning.fusion.concat import Concat
from unet_lightning.loss.ce import CrossEntropy
from unet_lightning.loss.deep_supervision import supervise
from unet_lightning.model.nnunet import build_nnunet
from unet_lightning.model.plain import PlainBlock
from unet_lightning.model.residual import ResidualBlock
from unet_lightning.model.stages import Stages
from unet_lightning.upsample.interpolate import Interpolate
from unet_lightning.upsample.transposed import Transposed
from unet_lightning.upsample.unpool import Unpool

PLANE = Stages([4, 8, 16], [[3, 3]] * 3, [[1, 1], [2, 2], [1, 2]], [2, 2, 2], 2)
VOLUME = Stages([4, 8, 16], [[1, 3, 3], [3, 3, 3], [3, 3, 3]], [[1, 1, 1], [1, 2, 2], [2, 2, 2]], [1, 2, 1], 1)


def build(stages, block=PlainBlock, upsample=Transposed, fusion=Concat, stem=False, deep_supervision=True):
    return build_nnunet(1, 3, upsample, fusion, stages, block, stem, deep_supervision)


@pytest.mark.parametrize("block", [PlainBlock, ResidualBlock])
@pytest.mark.parametrize("stem", [False, True])
@pytest.mark.parametrize("stages", [PLANE, VOLUME])
def test_training_has_an_output_of_every_level_of_the_decoder(stages, block, stem):
    network = build(stages, block, stem=stem)
    sides = [2 * n for n in stages.divisors]
    outputs = network.logits_by_level(torch.randn(2, 1, *sides))
    second = [side // step for side, step in zip(sides, stages.strides[1], strict=True)]
    assert [tuple(logits.shape[2:]) for logits in outputs] == [tuple(sides), tuple(second)]


@pytest.mark.parametrize("stages", [PLANE, VOLUME])
def test_prediction_has_the_finest_output_alone(stages):
    network = build(stages)
    image = torch.randn(2, 1, *(2 * n for n in stages.divisors))
    finest, *_ = network.logits_by_level(image)
    for predict in (network, network.eval(), network.interior):
        assert torch.equal(predict(image), finest)


def test_without_deep_supervision_there_is_one_head():
    network = build(PLANE, deep_supervision=False)
    (logits,) = network.logits_by_level(torch.randn(1, 1, 8, 16))
    assert logits.shape == (1, 3, 8, 16)
    assert not any("coarse_heads" in name for name in network.state_dict())


@pytest.mark.parametrize("sides", [(1, 1), (5, 9), (16, 30)])
def test_any_size_is_padded_at_its_end_by_its_last_pixels_and_cropped(sides):
    network = build(PLANE).eval()
    image = torch.randn(1, 1, *sides)
    padded = image
    for axis, (side, fitted) in enumerate(zip(sides, network.geometry.fit(sides), strict=True), start=2):
        last = padded.narrow(axis, side - 1, 1)
        padded = torch.cat([padded, *[last] * (fitted - side)], axis)
    assert network(image).shape == (1, 3, *sides)
    torch.testing.assert_close(network(image), network(padded)[..., : sides[0], : sides[1]])


def test_an_image_is_padded_by_the_multiple_of_each_axis():
    geometry = build(PLANE).geometry
    assert geometry.multiples == (2, 4)
    assert geometry.fit((5, 5)) == [6, 8]
    assert geometry.fit((1, 1)) == [4, 8]  # two pixels at the bottom, of which a norm can be taken
    assert (geometry.multiple, geometry.input_size(1), geometry.input_size(9)) == (4, 8, 12)


@pytest.mark.parametrize("fusion", [Concat, Add])
@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
@pytest.mark.parametrize("stages", [PLANE, VOLUME])
def test_other_parts_fit(stages, mode, fusion):
    network = build(stages, upsample=lambda *sizes: Interpolate(*sizes, mode), fusion=fusion)
    image = torch.randn(1, 1, *(2 * n for n in stages.divisors))
    assert network(image).shape[2:] == image.shape[2:]


def test_parts_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="upsample=transposed"):
        build(PLANE, upsample=Unpool)
    with pytest.raises(InputError, match=r"bicubic.*nearest, bilinear"):
        build(VOLUME, upsample=lambda *sizes: Interpolate(*sizes, "bicubic"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"channels": [4, 8]}, "2 channels, 3 kernels, 3 strides, 3 blocks"),
        ({"kernels": [[3, 3], [3, 3], [3, 3, 3]]}, "2 and 3 axes"),
        ({"kernels": [[3, 3], [2, 3], [3, 3]]}, "expected odd sizes"),
        ({"strides": [[1, 2], [2, 2], [2, 2]]}, "expected 1 on every axis of the first"),
    ],
)
def test_lists_that_do_not_fit_each_other_are_refused(change, message):
    with pytest.raises(InputError, match=message):
        Stages(**(vars(PLANE) | change))


def test_initial_weights():
    network = build(Stages([64, 128], [[3, 3]] * 2, [[1, 1], [2, 2]], [2, 2], 2), ResidualBlock, stem=True)
    gain = (2 / (1 + 0.01**2)) ** 0.5
    convolution = network.encoder.stages[1][0].first[0]
    assert convolution.weight.std().item() == pytest.approx(gain / (64 * 9) ** 0.5, rel=0.02)
    up = network.decoder.ups[0].convolution
    assert up.weight.std().item() == pytest.approx(gain / (64 * 4) ** 0.5, rel=0.02)
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    assert all(module.bias is None or not module.bias.any() for module in convolutions)


def test_a_residual_block_begins_as_its_skip():
    block = ResidualBlock(4, 4, (3, 3), (1, 1))
    features = torch.randn(2, 4, 8, 8)
    assert torch.equal(block(features), nn.functional.leaky_relu(features, 0.01))
    pooled = ResidualBlock(4, 4, (3, 3), (2, 1))(features)
    assert torch.equal(pooled, nn.functional.leaky_relu((features[:, :, ::2] + features[:, :, 1::2]) / 2, 0.01))


def test_a_step_changes_every_parameter_but_those_of_the_coarsest_head():
    network = build(PLANE, ResidualBlock, stem=True)
    mask = torch.randint(0, 3, (2, 8, 16))
    outputs = network.logits_by_level(torch.randn(2, 1, 8, 16))
    supervise(CrossEntropy(), outputs, mask, torch.ones(2, 8, 16)).backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
    assert network.head.weight.grad.abs().sum() > 0
    assert network.coarse_heads[-1].weight.grad.abs().sum() == 0
