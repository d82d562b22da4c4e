import torch

from unet_lightning.fusion.concat import Concat


def test_the_skips_channels_come_first():
    concat = Concat(2, 3)
    joined = concat(torch.zeros(1, 2, 4, 4), torch.ones(1, 3, 4, 4))
    assert joined[0, :, 0, 0].tolist() == [0, 0, 1, 1, 1]
    assert concat.out_channels == 5
