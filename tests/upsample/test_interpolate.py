import pytest
import torch

from unet_lightning.upsample.interpolate import Interpolate


def unit(mode):
    module = Interpolate(1, 1, (2, 2), mode)
    torch.nn.init.ones_(module.reduce.weight)
    torch.nn.init.zeros_(module.reduce.bias)
    return module


def test_nearest_worked_by_hand():
    assert unit("nearest")(torch.tensor([[[[1.0, 4.0]]]]), None).tolist() == [[[[1, 1, 4, 4], [1, 1, 4, 4]]]]


def test_bilinear_worked_by_hand():
    row = unit("bilinear")(torch.tensor([[[[0.0, 4.0]]]]), None)[0, 0, 0]
    assert row.tolist() == [0, 1, 3, 4]


def cubic(t, a=-0.75):
    t = abs(t)
    return (a + 2) * t**3 - (a + 3) * t**2 + 1 if t <= 1 else a * (t**3 - 5 * t**2 + 8 * t - 4)


def test_bicubic_against_keys_kernel():
    coarse = torch.tensor([3.0, -1.0, 4.0, 1.0, -5.0, 9.0])
    fine = unit("bicubic")(coarse.expand(1, 1, 6, 6), None)[0, 0, 6]
    for k in range(4, 8):  # away from the edge
        centre = (k + 0.5) / 2 - 0.5
        expected = sum(cubic(centre - n) * coarse[n].item() for n in range(6) if abs(centre - n) < 2)
        assert fine[k].item() == pytest.approx(expected, abs=1e-5)
