import torch
from torch.nn import functional as F

from unet_lightning.upsample.unpool import Unpool, rebase


def identity(channels):
    unpool = Unpool(channels, channels, (2, 2))
    with torch.no_grad():
        unpool.reduce.weight.copy_(torch.eye(channels)[..., None, None])
        unpool.reduce.bias.zero_()
    return unpool


def test_values_go_back_to_their_maxima():
    fine = torch.tensor([[[[1.0, 5.0, 2.0, 0.0], [3.0, 2.0, 0.0, 7.0]]]])
    pooled, indices = F.max_pool2d(fine, 2, return_indices=True)
    expected = torch.tensor([[[[0.0, 5.0, 0.0, 0.0], [0.0, 0.0, 0.0, 7.0]]]])
    assert torch.equal(identity(1)(pooled, indices), expected)


def test_the_centre_of_the_indices_points_into_the_centre_of_the_map():
    fine = torch.randn(2, 3, 16, 20)
    pooled, indices = F.max_pool2d(fine, 2, return_indices=True)
    whole = F.max_unpool2d(pooled, indices, 2)
    middle = identity(3)(pooled[..., 2:6, 3:7], indices)
    assert torch.equal(middle, whole[..., 4:12, 6:14])


def test_rebased_indices_stay_inside():
    _, indices = F.max_pool2d(torch.randn(1, 1, 12, 12), 2, return_indices=True)
    moved = rebase(indices, 2, 2)
    assert moved.min() >= 0
    assert moved.max() < 16
