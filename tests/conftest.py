import logging
import os
from pathlib import Path

import pytest
import torch

from tests.composing import remember
from unet_lightning.fusion.concat import Concat
from unet_lightning.model.unet import build_unet as build_network
from unet_lightning.upsample.interpolate import REACH, Interpolate
from unet_lightning.upsample.transposed import Transposed
from unet_lightning.upsample.unpool import Unpool

torch.set_num_threads(1)

LONGEST = ("test_export", "test_devices", "test_sweeps", "test_readme", "test_wheel", "test_fuzz")


def pytest_collection_modifyitems(items):
    """Files that take minutes begin first, so that no processor waits for one at the end (`make test`)."""
    items.sort(key=lambda item: item.path.stem not in LONGEST)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol():
    """Hydra sets up logging for the process, to streams that close with the test: the next test has none of it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        return (yield)
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


UPSAMPLES = ("transposed", "nearest", "bilinear", "bicubic", "unpool")
CONVOLUTIONS = ("same", "valid")


def upsample_part(name):
    if name in REACH:
        return lambda a, b, stride: Interpolate(a, b, stride, name)
    return {"transposed": Transposed, "unpool": Unpool}[name]


def build_unet(upsample="transposed", fusion=Concat, **options):
    values = {"in_channels": 1, "classes": 2, "depth": 2, "base_channels": 4, "max_channels": 16}
    values |= {"convolution": "same", "norm": "batch", "dropout": 0.0}
    return build_network(upsample=upsample_part(upsample), fusion=fusion, **(values | options))


def picture(*shape, generator):
    """Noise of all scales, as pictures have: white noise alone leaves nothing for the deep levels to see."""
    total = torch.zeros(shape)
    for scale in (1, 4, 16, 64):
        coarse = torch.randn(*shape[:2], shape[2] // scale + 2, shape[3] // scale + 2, generator=generator)
        fine = torch.nn.functional.interpolate(coarse, scale_factor=scale, mode="bilinear")
        total += fine[..., : shape[2], : shape[3]]
    return total / 2


def randomise(network, seed=0):
    """Weights as He draws them; biases, batch-norm statistics and scales that aren't trivial."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in network.modules():
            weight, bias = (getattr(module, name, None) for name in ("weight", "bias"))
            if bias is not None:
                bias.normal_(0, 0.1, generator=generator)
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.1, generator=generator)
                module.running_var.uniform_(0.7, 1.3, generator=generator)
                weight.uniform_(0.7, 1.3, generator=generator)
            elif isinstance(module, torch.nn.InstanceNorm2d | torch.nn.GroupNorm):
                weight.uniform_(0.7, 1.3, generator=generator)
            elif weight is not None:
                scale = weight.std()
                weight.normal_(0, 1, generator=generator).mul_(scale)
    return network.eval()


@pytest.fixture(scope="session", autouse=True)
def _composing():
    with pytest.MonkeyPatch.context() as patch:
        remember(patch)
        yield


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def real_data():
    """The folder with real data sets, or a skip that says so."""
    folder = os.environ.get("UNET_LIGHTNING_DATA")
    if not folder:
        pytest.skip("UNET_LIGHTNING_DATA doesn't point at real data")
    return Path(folder)


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """The folder of a short run on synthetic cells, grey images, in float32."""
    from tests.small import train

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("finished")
    train(folder, "trainer.precision=32-true")
    return folder


@pytest.fixture
def checkpoint(finished):
    return finished / "checkpoints" / "best.ckpt"
