from dataclasses import dataclass

import numpy as np
import pytest
import torch

from tests.conftest import CONVOLUTIONS, UPSAMPLES, build_unet, picture, randomise
from unet_lightning.model.geometry import Geometry
from unet_lightning.tiling import (
    Grid,
    TileScorer,
    inside,
    mirror_index,
    predict_tiled,
    predict_tiles,
    tile_side,
    window,
)


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("start", [-20, -3, 0, 5])
def test_mirror_index_is_numpys_reflection_however_far(size, start):
    line = np.arange(size)
    before, after = max(0, -start), max(0, start + 12 - size)
    padded = np.pad(line, (before, after), mode="reflect")
    assert line[mirror_index(start, start + 12, size)].tolist() == padded[start + before :][:12].tolist()


def test_window_worked_by_hand():
    image = np.arange(9).reshape(3, 3)
    assert window(image, -1, 1, 3, 4).tolist() == [[4, 5, 4, 3], [1, 2, 1, 0], [4, 5, 4, 3]]


def test_window_of_channels_first_tensor_equals_that_of_the_array():
    image = np.random.default_rng(0).normal(size=(5, 7, 3))
    tensor = torch.from_numpy(image.transpose(2, 0, 1))
    expected = window(image, -4, 3, 11, 9).transpose(2, 0, 1)
    assert np.array_equal(window(tensor, -4, 3, 11, 9, channels_first=True).numpy(), expected)


def test_mirror_then_crop_is_the_identity():
    image = np.random.default_rng(0).normal(size=(5, 4, 2))
    assert np.array_equal(window(image, -9, -9, 23, 22)[9:14, 9:13], image)


def test_inside_worked_by_hand():
    assert inside(-1, 1, 3, 3, (2, 3)).astype(int).tolist() == [[0, 0, 0], [1, 1, 0], [1, 1, 0]]


@pytest.mark.parametrize(("size", "side"), [(512, 512), (520, 272), (30, 32), (1025, 352)])
def test_tiles_share_an_axis_evenly(size, side):
    assert tile_side(size, 512, 16) == side


@dataclass
class Shortened:
    """A network that states a smaller halo than it has."""

    network: torch.nn.Module

    @property
    def geometry(self):
        return _ShortGeometry(self.network.geometry)

    def interior(self, batch):
        rim = self.geometry.halo - self.geometry.margin
        logits = self.network(batch)
        return logits[..., rim : logits.shape[-2] - rim, rim : logits.shape[-1] - rim]


class _ShortGeometry:
    def __init__(self, geometry):
        self.halo = geometry.halo - geometry.multiple
        self.margin = min(geometry.margin, self.halo)
        self.multiple, self.exact, self.input_size = geometry.multiple, geometry.exact, geometry.input_size


def one_pass(network, image):
    """Logits of the image padded by NumPy's mirror, in one piece."""
    geometry = network.geometry
    height, width = image.shape[-2:]
    pads = []
    for side in (height, width):
        whole = geometry.input_size(side + 2 * (geometry.halo - geometry.margin))
        pads.append((geometry.halo, whole - side - geometry.halo))
    padded = torch.from_numpy(np.pad(image.numpy(), [(0, 0), *pads], mode="reflect"))
    rim = geometry.halo - geometry.margin
    with torch.inference_mode():
        return network(padded[None])[0][:, rim : rim + height, rim : rim + width]


def assert_exact(network, image, whole, tolerance=1e-5, **options):
    tiled = predict_tiled(network, image, tile=32, **options)
    assert (tiled - whole).abs().max() <= tolerance * whole.std()


@pytest.mark.parametrize("upsample", UPSAMPLES)
@pytest.mark.parametrize("convolution", CONVOLUTIONS)
def test_stitched_tiles_equal_one_pass(convolution, upsample):
    network = randomise(build_unet(upsample, convolution=convolution, depth=4, base_channels=8, max_channels=128))
    image = picture(1, 1, 77, 93, generator=torch.Generator().manual_seed(0))[0]
    if upsample == "bicubic":  # its outermost taps are tiny: let the deep path, which reaches furthest, count more
        for up in network.decoder.ups:
            up.reduce.weight.data *= 4 if convolution == "same" else 1
    network, image = network.double(), image.double()  # rounding depends on the processor, and flips near-tied maxima
    whole = one_pass(network, image)
    assert_exact(network, image, whole, tolerance=1e-10)
    assert_exact(network, image, whole, tolerance=1e-10, start=network.geometry.multiple, batch=2)
    with pytest.raises(AssertionError):
        assert_exact(Shortened(network), image, whole)


def test_an_image_smaller_than_the_halo_is_mirrored_repeatedly():
    network = randomise(build_unet(depth=3))
    image = torch.randn(1, 5, 3, generator=torch.Generator().manual_seed(1))
    assert_exact(network, image, one_pass(network, image))


@pytest.mark.parametrize("norm", ["instance", "group"])
def test_networks_that_see_the_whole_tile_are_blended_to_full_weight(norm):
    network = build_unet(norm=norm)
    torch.nn.init.zeros_(network.head.weight)
    torch.nn.init.constant_(network.head.bias, 3.0)
    logits = predict_tiled(network.eval(), torch.randn(1, 50, 70), tile=16)
    torch.testing.assert_close(logits, torch.full((2, 50, 70), 3.0))


def test_a_large_image_is_cut_once_and_not_anew_for_every_batch(monkeypatch):
    made = []
    original = Grid.origins
    monkeypatch.setattr(Grid, "origins", lambda grid: made.append(1) or original(grid))
    geometry = Geometry(1, "same")
    read, score = (
        lambda y, x, h, w: torch.zeros(1, h, w),
        lambda tile: tile[..., : -2 * geometry.halo, : -2 * geometry.halo],
    )
    scorer = TileScorer(geometry, read, score)
    assert len(list(predict_tiles([scorer], (64, 64), 8, batch=4))) == 64
    assert len(made) == 1
