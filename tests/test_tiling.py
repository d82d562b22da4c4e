from dataclasses import dataclass

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from tests.conftest import CONVOLUTIONS, UPSAMPLES, build_unet, picture, randomise
from unet_lightning.error import InputError
from unet_lightning.model.geometry import Geometry
from unet_lightning.tiling.grid import Grid, nnunet, overlap_tile, tile_side
from unet_lightning.tiling.predict import TileScorer, predict_grid, predict_tiled, predict_tiles
from unet_lightning.tiling.window import inside, mirror_index, window


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
    assert len(list(predict_tiles([scorer], overlap_tile((64, 64), [geometry], 8), batch=4))) == 64
    assert len(made) == 1


class Echo(torch.nn.Module):
    """Returns its input, and notes what it got."""

    geometry = Geometry(3, "same", exact=False)

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, batch):
        self.seen.append(batch)
        return batch


def test_tiles_of_nnunet_lie_where_its_rules_say_and_weigh_as_they_say():
    grid = nnunet((110, 1000), [Echo.geometry], (64, 512))
    assert (grid.rows, grid.columns) == ([0, 23, 46], [0, 244, 488])
    impulse = np.zeros((64, 512))
    impulse[32, 256] = 1
    blurred = gaussian_filter(impulse, (8, 64), mode="constant", truncate=4)
    assert grid.weights.max() == 10
    assert np.allclose(grid.weights, blurred / blurred.max() * 10, rtol=1e-3, atol=1e-7)
    assert (grid.weights > 0).all()


def test_averaged_tiles_of_a_network_that_copies_give_the_image_back_and_zeros_beyond_a_small_one():
    image = torch.randn(1, 50, 20, generator=torch.Generator().manual_seed(0))
    network = Echo()
    found = predict_grid(network, image, nnunet((50, 20), [network.geometry], (16, 32)), batch=3)
    torch.testing.assert_close(found, image)
    first = network.seen[0][0]
    assert torch.equal(first[:, :, 6:26], image[:, :16])
    assert not first[:, :, :6].any()
    assert not first[:, :, 26:].any()


def test_averages_worked_out_over_the_whole_image_equal_those_by_strips():
    """With tiles that give numbers of their own, whatever rows and columns they lie at."""
    random = torch.Generator().manual_seed(0)
    grid = nnunet((70, 45), [Echo.geometry], (24, 16))
    values = iter(torch.randn(len(grid.rows) * len(grid.columns), 2, 24, 16, generator=random))
    kept = []
    scorer = TileScorer(
        Echo.geometry, lambda y, x, h, w: torch.zeros(1, h, w), lambda _: kept.append(next(values)) or kept[-1][None]
    )
    found = torch.zeros(2, 70, 45)
    for (top, left, bottom, right), piece in predict_tiles([scorer], grid):
        found[:, top:bottom, left:right] += piece
    total, weight = torch.zeros(2, 70, 45), torch.zeros(70, 45)
    for (y, x), scores in zip(grid.origins(), kept, strict=True):
        total[:, y : y + 24, x : x + 16] += grid.weights * scores
        weight[y : y + 24, x : x + 16] += grid.weights
    torch.testing.assert_close(found, total / weight)


def test_a_network_that_cuts_a_margin_off_has_no_tiles_of_nnunet():
    with pytest.raises(InputError, match=r"set tiling=overlap"):
        nnunet((64, 64), [Geometry(3, "valid")], 64)
