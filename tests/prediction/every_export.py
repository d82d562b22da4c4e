"""Every up-sampling, both convolutions, depth 1 to 5, every norm, nnU-Net's networks, as ONNX: `make test-export`."""

import time
from itertools import product
from typing import get_args

import pytest

from tests.conftest import CONVOLUTIONS, UPSAMPLES, build_unet, randomise
from tests.prediction.agreement import difference_at_other_sizes
from unet_lightning.fusion.concat import Concat
from unet_lightning.model.block import Norm
from unet_lightning.model.nnunet import build_nnunet
from unet_lightning.model.plain import PlainBlock
from unet_lightning.model.residual import ResidualBlock
from unet_lightning.model.stages import Stages
from unet_lightning.upsample.transposed import Transposed

pytestmark = [pytest.mark.timeout(1800), pytest.mark.usefixtures("torchlib")]
SMALL = {"base_channels": 2}


@pytest.mark.parametrize(("convolution", "upsample", "depth"), list(product(CONVOLUTIONS, UPSAMPLES, range(1, 6))))
def test_every_network(tmp_path, convolution, upsample, depth):
    check(tmp_path, 1, upsample=upsample, convolution=convolution, depth=depth)


@pytest.mark.parametrize(("norm", "channels"), list(product(get_args(Norm), (1, 3, 4))))
def test_every_norm_and_number_of_channels(tmp_path, norm, channels):
    check(tmp_path, channels, norm=norm, depth=1)


@pytest.mark.parametrize("block", [PlainBlock, ResidualBlock])
@pytest.mark.parametrize(("stages", "channels"), [(2, 1), (5, 3), (5, 4)])
def test_nnunets_networks(tmp_path, block, stages, channels):
    strides = [[1, 1], [2, 2], [1, 2], [2, 2], [2, 1]][:stages]
    sizes = Stages([4, 4, 8, 8, 8][:stages], [[3, 3]] * stages, strides, [2] * stages, 2)
    network = build_nnunet(channels, 3, Transposed, Concat, sizes, block, block is ResidualBlock, True)
    high, wide = sizes.divisors
    others = [(3, high + 1, wide + 1), (1, 4 * high, 3 * wide), (2, 37, 50)]
    difference = difference_at_other_sizes(randomise(network), channels, tmp_path / "network.onnx", others)
    print(f"\n{block.__name__}, {stages} stages, {channels} channels: {difference:.1e}", flush=True)
    assert difference < 1e-4


def check(folder, channels, **options):
    start = time.process_time()
    network = randomise(build_unet(in_channels=channels, **SMALL, **options))
    difference = difference_at_other_sizes(network, channels, folder / "network.onnx")
    print(f"\n{options} {channels} channels: {difference:.1e}, {time.process_time() - start:.0f} s", flush=True)
    deep = options["depth"] == 5  # random weights round by up to 9e-5 there, in torch as in onnxruntime
    assert difference < (3e-4 if deep else 1e-4)
