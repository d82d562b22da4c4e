import torch
from torch.nn import functional as F

from unet_lightning.fusion.add import Add
from unet_lightning.fusion.concat import Concat


def test_addition_is_concatenation_followed_by_the_convolution_i_i():
    skip, up = torch.randn(2, 5, 6, 7), torch.randn(2, 5, 6, 7)
    both = torch.cat([torch.eye(5), torch.eye(5)], dim=1)[..., None, None]
    through_concat = F.conv2d(Concat(5, 5)(skip, up), both)
    torch.testing.assert_close(Add(5, 5)(skip, up), through_concat)


def test_differing_channels_are_projected():
    add = Add(3, 8)
    skip, up = torch.randn(1, 3, 4, 4), torch.randn(1, 8, 4, 4)
    expected = (
        skip + torch.einsum("oi,bihw->bohw", add.project.weight[..., 0, 0], up) + add.project.bias.view(1, 3, 1, 1)
    )
    torch.testing.assert_close(add(skip, up), expected)
    assert add.out_channels == 3
