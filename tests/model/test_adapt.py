"""Networks that can't say their geometry: what is measured of them, against what is known of them."""

import sys
from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.small import TRIAL, config
from unet_lightning.config.check import resolve, resolve_plain
from unet_lightning.config.compose import compose
from unet_lightning.error import InputError
from unet_lightning.model.adapt import adapt
from unet_lightning.prediction.checkpoint import CHECKPOINT_KEY
from unet_lightning.prediction.load import load
from unet_lightning.tiling.predict import predict_tiled
from unet_lightning.training.build import build

UNSAID = {"in_channels_as": None, "classes_as": None, "pretrained": {}, "output": None}
UNSAID |= {"multiple": None, "halo": None, "blend": None}


class Small(nn.Module):
    """Two levels: convolutions of 3x3, one pooling, one up-sampling."""

    def __init__(self, in_channels: int, classes: int, norm: bool = False, dictionary: bool = False) -> None:
        super().__init__()
        self.down, self.deep = nn.Conv2d(in_channels, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1)
        self.norm = nn.InstanceNorm2d(6) if norm else nn.BatchNorm2d(6)
        self.up, self.head = nn.Conv2d(6, 6, 3, padding=1), nn.Conv2d(6, classes, 1)
        self.dictionary = dictionary

    def forward(self, image):
        if image.shape[2] % 2 or image.shape[3] % 2:
            raise ValueError("sides must be even")
        deep = self.norm(F.relu(self.deep(F.max_pool2d(self.down(image), 2))))
        logits = self.head(self.up(F.interpolate(deep, scale_factor=2, mode="nearest")))
        return {"out": logits, "aux": logits[:, :1]} if self.dictionary else logits


class Stretched(nn.Module):
    """Sees few pixels, and yet a shifted image gives another output: the corners of both maps lie upon each other."""

    def __init__(self, in_channels: int, classes: int) -> None:
        super().__init__()
        self.down = nn.Conv2d(in_channels, classes, 2, stride=2)

    def forward(self, image):
        return F.interpolate(self.down(image), scale_factor=2, mode="bilinear", align_corners=True)


def build_small(in_channels, classes, **options):
    return Small(in_channels, classes, **options)


def adapted(network, channels=1, **said):
    return adapt(channels, 2, network, **(UNSAID | said))


def test_sizes_and_reach_are_those_worked_by_hand():
    before = torch.random.get_rng_state()
    network = Small(1, 2)
    drawn = torch.random.get_rng_state()
    torch.random.set_rng_state(before)
    found = adapted(Small)
    assert torch.equal(torch.random.get_rng_state(), drawn)  # measuring draws nothing
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), found.network.parameters(), strict=True))
    # beside an even block: 1 pixel of the last convolution, 1 of half the size and 1 more there, 1 of the first
    assert found.geometry.multiple == 2
    assert found.geometry.exact
    assert 5 <= found.geometry.halo <= 6
    assert found.training


def test_tiles_of_a_measured_network_equal_one_pass():
    network = adapted(Small).eval()
    image = torch.randn(1, 41, 67)
    with torch.no_grad():
        halo = network.geometry.halo
        mirrored = F.pad(image[None], (halo, halo + 1, halo, halo + 1), mode="reflect")
        whole = network.unpadded(mirrored)[0, :, halo : -halo - 1, halo : -halo - 1]
        torch.testing.assert_close(predict_tiled(network, image, tile=16), whole, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("make", [partial(Small, norm=True), Stretched])
def test_a_network_that_depends_on_its_whole_tile_blends(make):
    geometry = adapted(make).geometry
    assert not geometry.exact
    assert geometry.halo == 0
    assert adapted(Small, blend=True).geometry.halo == 0


def test_what_is_declared_is_not_measured_anew():
    geometry = adapted(partial(Small, norm=True), multiple=8, halo=20).geometry
    assert (geometry.multiple, geometry.halo, geometry.exact) == (8, 24, True)


@pytest.mark.parametrize(
    ("make", "channels", "said", "message"),
    [
        (
            lambda classes: nn.Conv2d(3, classes, 1),
            1,
            {},
            r"no argument in_channels.*images have 1 channel.*data.channels=3",
        ),
        (lambda in_channels: nn.Conv2d(in_channels, 5, 1), 1, {}, r"2 classes are wanted.*model.classes_as=NAME"),
        (lambda in_channels, classes: nn.Conv2d(in_channels, 5, 1), 1, {}, r"gives 5 channels for 2 classes"),
        (
            lambda in_channels, classes: nn.Conv2d(in_channels, classes, 3),
            1,
            {},
            r"for 256x256 pixels; expected outputs",
        ),
        (partial(Small, dictionary=True), 1, {"output": "logits"}, r"a mapping of out, aux; expected .* or their key"),
        (partial(Small, depth=3), 1, {}, r"Small can't be built .*depth.*; correct model.network"),
        (lambda in_channels, classes: len, 1, {}, r"expected a torch.nn.Module"),
    ],
)
def test_what_can_not_be_adapted_says_what_to_type(make, channels, said, message):
    with pytest.raises(InputError, match=message):
        adapted(make, channels, **said)


def unreachable(in_channels, classes, weights="net"):
    if weights:
        raise OSError("no route to host")
    return Small(in_channels, classes)


def test_weights_that_can_not_be_fetched_are_told_and_not_asked_for_by_a_checkpoint():
    with pytest.raises(InputError, match=r"no route to host.*\+\+model.pretrained.weights=null"):
        adapted(unreachable, pretrained={"weights": "net"})
    with torch.device("meta"):
        assert adapted(unreachable, pretrained={"weights": "net"}).geometry is None


@pytest.mark.parametrize("sign", ["+", "++"])
def test_a_pretrained_argument_is_typed_as_the_page_and_the_error_say(sign):
    plain = resolve_plain(
        compose(["model=any", "model.network._target_=torch.nn.Identity", f"{sign}model.pretrained.a=1"])
    )
    assert plain["model"]["pretrained"] == {"a": 1}
    assert resolve_plain(compose(["model=smp", "++model.pretrained.encoder_weights=null"]))["model"]["pretrained"] == {
        "encoder_weights": None
    }


def test_no_weights_are_fetched_that_nobody_asked_for():
    given = []

    def network(num_classes, weights=None, weights_backbone="DEFAULT"):
        given.append((weights, weights_backbone))
        return nn.Conv2d(3, num_classes, 1)

    adapted(network, 3)
    adapted(network, 3, pretrained={"weights_backbone": "mine"})
    with torch.device("meta"):
        adapted(network, 3, pretrained={"weights_backbone": "mine"})
    assert given == [(None, None), (None, "mine"), (None, None)]


ANY = ["model=any", "tile=32"]
TINY = [line for line in TRIAL if not line.startswith("model.")]


def checkpoint_of(path, *overrides):
    """A checkpoint of an untrained network, and the network."""
    task = build(config(*TINY, *ANY, *overrides)).task
    torch.save({"state_dict": dict(task.state_dict()), CHECKPOINT_KEY: task.identity}, path)
    return task.network.eval()


def test_a_dictionary_of_a_class_outside_the_repository_trains_and_predicts(tmp_path, monkeypatch):
    package = tmp_path / "ours.py"
    package.write_text(
        "from tests.model.test_adapt import build_small\n\n\ndef net(*, in_channels, classes, dictionary):\n"
        "    return build_small(in_channels, classes, dictionary=dictionary)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    typed = ["model.network._target_=ours.net", "+model.network.dictionary=true", "model.output=out"]
    network = checkpoint_of(tmp_path / "a.ckpt", *typed)
    with pytest.raises(InputError, match=r"model.network._target_=ours.net .* add --trust ours"):
        load(tmp_path / "a.ckpt")
    predictor = load(tmp_path / "a.ckpt", trust=["ours"])
    assert predictor.models[0].network.geometry == network.geometry
    image = torch.rand(1, 40, 36)
    with torch.no_grad():
        torch.testing.assert_close(predictor.models[0].network(image[None]), network(image[None]), rtol=1e-4, atol=1e-5)


def test_a_network_of_monai_works_by_yaml_alone(tmp_path):
    pytest.importorskip("monai", reason="MONAI isn't installed: pip install 'unet-lightning[monai]'")
    typed = ["model.network._target_=monai.networks.nets.BasicUNet", "+model.network.spatial_dims=2"]
    typed += ["+model.network.features=[4,4,4,8,8,4]", "+model.network.norm=batch"]
    network = checkpoint_of(tmp_path / "a.ckpt", *typed)
    assert network.geometry.multiple == 16
    assert network.geometry.exact
    predictor = load(tmp_path / "a.ckpt", trust=["monai"])
    assert predictor.predict(torch.rand(40, 36, 1).numpy()).shape == (40, 36)


def importable(name):
    """Skip where a package isn't there or, as torchvision beside another build of torch, doesn't import."""
    try:
        __import__(name)
    except Exception as error:
        for module in [module for module in sys.modules if module.split(".")[0] in (name, "torchvision")]:
            del sys.modules[module]
        pytest.skip(f"{name} doesn't import: {error}")


def test_networks_of_segmentation_models_pytorch():
    importable("segmentation_models_pytorch")
    plain = config(*TINY, "model=smp", "model.network.encoder_name=resnet18", "tile=64")
    network = build(plain).task.network
    assert network.geometry.multiple == 32
    assert network(torch.zeros(1, 1, 40, 50)).shape == (1, 2, 40, 50)


def test_networks_of_torchvision_give_dictionaries():
    importable("torchvision")
    from torchvision.models.segmentation import lraspp_mobilenet_v3_large

    network = adapted(lraspp_mobilenet_v3_large, 3, pretrained={"weights_backbone": None}, output="out").eval()
    assert not network.geometry.exact  # its scene context is a mean over the image
    assert network(torch.zeros(1, 3, 40, 50)).shape == (1, 2, 40, 50)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["model._target_=torch.nn.Identity"], "model=any model.network._target_=torch.nn.Identity"),
        (["model=any"], "model.network._target_ is missing: set model.network._target_=PACKAGE.CLASS"),
        (["model=any", "model.network._target_=no.such.Net"], "model.network._target_=no.such.Net"),
        (["model=any", "model.network._target_=monai.no.Net"], "pip install 'unet-lightning[monai]'"),
    ],
)
def test_a_network_that_is_none_of_ours_is_refused_in_one_line(typed, said):
    with pytest.raises(InputError) as error:
        resolve(compose(typed))
    assert said in str(error.value)
    assert len(str(error.value).splitlines()) == 1
