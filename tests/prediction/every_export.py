"""Every up-sampling, both convolutions, depth 1 to 5, every norm, as ONNX: `make test-export`, about half an hour."""

import time
from itertools import product
from typing import get_args

import pytest

from tests.conftest import CONVOLUTIONS, UPSAMPLES, build_unet, randomise
from tests.prediction.agreement import difference_at_other_sizes
from unet_lightning.model.block import Norm

pytestmark = pytest.mark.timeout(1800)
SMALL = {"base_channels": 2}


@pytest.mark.parametrize(("convolution", "upsample", "depth"), list(product(CONVOLUTIONS, UPSAMPLES, range(1, 6))))
def test_every_network(tmp_path, convolution, upsample, depth):
    check(tmp_path, 1, upsample=upsample, convolution=convolution, depth=depth)


@pytest.mark.parametrize(("norm", "channels"), list(product(get_args(Norm), (1, 3, 4))))
def test_every_norm_and_number_of_channels(tmp_path, norm, channels):
    check(tmp_path, channels, norm=norm, depth=1)


def check(folder, channels, **options):
    start = time.process_time()
    network = randomise(build_unet(in_channels=channels, **SMALL, **options))
    difference = difference_at_other_sizes(network, channels, folder / "network.onnx")
    print(f"\n{options} {channels} channels: {difference:.1e}, {time.process_time() - start:.0f} s", flush=True)
    deep = options["depth"] == 5  # random weights round by up to 9e-5 there, in torch as in onnxruntime
    assert difference < (3e-4 if deep else 1e-4)
