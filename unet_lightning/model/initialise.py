"""The initial weights of convolutions, drawn as He et al. do (ICCV 2015, doi:10.1109/ICCV.2015.123)."""

from math import sqrt

import torch
from torch import nn

SLOPE = 0.01  # of leaky ReLU, below zero
CONVOLUTIONS = (nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.ConvTranspose3d)


@torch.no_grad()
def initialise(module: nn.Module) -> None:
    """Normal with standard deviation sqrt(2 / N), N the number of inputs of one output. Biases are 0."""
    if isinstance(module, nn.Conv2d):
        inputs = module.in_channels * module.kernel_size[0] * module.kernel_size[1]
    elif isinstance(module, nn.ConvTranspose2d):
        inputs = module.in_channels  # kernel 2, stride 2: every output pixel depends on one input pixel
    else:
        return
    if module.weight.is_meta:  # its weights are loaded later; normal_ would take seconds here and change nothing
        return
    nn.init.normal_(module.weight, std=sqrt(2 / inputs))
    if module.bias is not None:
        nn.init.zeros_(module.bias)


def initialise_leaky(module: nn.Module) -> None:
    """The same for leaky ReLU, whose gain is sqrt(2 / (1 + slope^2)), as nnU-Net does.

    N is the size of a filter, weight[0], for transposed convolutions too.
    """
    if isinstance(module, CONVOLUTIONS) and not module.weight.is_meta:
        nn.init.kaiming_normal_(module.weight, a=SLOPE)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
