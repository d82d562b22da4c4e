import weakref

import pytest
import torch
from torch import nn

from tests.conftest import build_unet, picture, randomise
from tests.prediction.test_predict import folder_of, run
from unet_lightning.postprocess.objects import Objects
from unet_lightning.prediction import source
from unet_lightning.prediction.fold import fold_batch_norm
from unet_lightning.prediction.load import load
from unet_lightning.tiling.predict import predict_tiled


def norms(network):
    return [module for module in network.modules() if isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d)]


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
@pytest.mark.parametrize("convolution", ["same", "valid"])
def test_a_folded_network_scores_as_before_to_rounding(convolution, dtype, tolerance):
    network = randomise(build_unet(convolution=convolution, base_channels=8)).to(dtype)
    image = picture(1, 1, 61, 70, generator=torch.Generator().manual_seed(0))[0].to(dtype)
    before = predict_tiled(network, image, tile=32)
    fold_batch_norm(network)
    after = predict_tiled(network, image, tile=32)
    assert not norms(network)
    assert (after - before).abs().max() <= tolerance * before.std()
    sure = (before[1] - before[0]).abs() > 2 * tolerance * before.std()
    assert torch.equal(after.argmax(0)[sure], before.argmax(0)[sure])


def test_folding_worked_by_hand():
    network = nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1, eps=0)).eval()
    values = {"0.weight": [[[[3.0]]]], "0.bias": [1.0], "1.weight": [5.0], "1.bias": [7.0]}
    values |= {"1.running_mean": [2.0], "1.running_var": [4.0]}
    network.load_state_dict({name: torch.tensor(value) for name, value in values.items()}, strict=False)
    fold_batch_norm(network)
    assert (network[0].weight.item(), network[0].bias.item()) == (7.5, 4.5)  # 3 * 5 / 2, (1 - 2) * 5 / 2 + 7


def test_what_cannot_be_folded_stays():
    shared = nn.Conv2d(2, 2, 1)
    network = nn.Sequential(
        nn.Sequential(shared, nn.BatchNorm2d(2)),
        nn.Sequential(shared, nn.ReLU()),
        nn.Sequential(nn.Conv2d(2, 2, 1), nn.ReLU(), nn.BatchNorm2d(2)),
    )
    randomise(network).append(nn.Sequential(nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2, track_running_stats=False).eval()))
    image = torch.randn(2, 2, 5, 4)
    before = network(image)
    fold_batch_norm(network)
    assert len(norms(network)) == 3
    assert torch.equal(network(image), before)


def test_what_predicts_is_folded(checkpoint):
    assert not norms(load(checkpoint).models[0].network)


@pytest.mark.parametrize(("more", "held"), [([], False), (["--overlay"], True)])
def test_a_picture_is_let_go_before_its_objects_are_found(tmp_path, checkpoint, monkeypatch, more, held):
    read, write, pictures, found = source._read, Objects.write, [], []

    def watched(*arguments, **options):
        image = read(*arguments, **options)
        pictures.append(weakref.ref(image))
        return image

    def look(*arguments):
        found.append(pictures[0]() is not None)
        return write(*arguments)

    monkeypatch.setattr(source, "_read", watched)
    monkeypatch.setattr(Objects, "write", look)
    assert run(checkpoint, folder_of(tmp_path / "in", 1), "--output", tmp_path / "out", "--instances", *more) == 0
    assert found == [held]
