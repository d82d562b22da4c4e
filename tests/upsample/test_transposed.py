import torch

from unet_lightning.upsample.transposed import Transposed


def test_every_coarse_pixel_becomes_its_own_2x2_kernel():
    module = Transposed(1, 1, (2, 2))
    with torch.no_grad():
        module.convolution.weight.copy_(torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]))
        module.convolution.bias.zero_()
    assert module(torch.tensor([[[[1.0, 10.0]]]]), None).tolist() == [[[[1, 2, 10, 20], [3, 4, 30, 40]]]]
