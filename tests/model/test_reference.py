"""Outputs of nnU-Net's own networks, with the same weights, where its package is installed."""

import pytest
import torch
from torch import nn

from unet_lightning.fusion.concat import Concat
from unet_lightning.model.nnunet import build_nnunet
from unet_lightning.model.plain import PlainBlock
from unet_lightning.model.residual import ResidualBlock
from unet_lightning.model.stages import Stages
from unet_lightning.upsample.transposed import Transposed

reference = pytest.importorskip(
    "dynamic_network_architectures.architectures.unet",
    reason="nnU-Net's own networks: pip install dynamic-network-architectures",
)

PLANE = [[3, 3]] * 4, [[1, 1], [2, 2], [2, 2], [1, 2]]
VOLUME = [[1, 3, 3], [1, 3, 3], [3, 3, 3], [3, 3, 3]], [[1, 1, 1], [1, 2, 2], [2, 2, 2], [1, 2, 2]]
LAYERS = {
    2: (nn.Conv2d, nn.InstanceNorm2d),
    3: (nn.Conv3d, nn.InstanceNorm3d),
}
CHANNELS, BLOCKS = [6, 12, 24, 24], [1, 3, 2, 2]


def theirs(kernels, strides, residual):
    convolution, norm = LAYERS[len(kernels[0])]
    kind = reference.ResidualEncoderUNet if residual else reference.PlainConvUNet
    numbers = {"n_blocks_per_stage" if residual else "n_conv_per_stage": BLOCKS}
    return kind(
        2,
        len(CHANNELS),
        CHANNELS,
        convolution,
        kernels,
        strides,
        **numbers,
        num_classes=3,
        n_conv_per_stage_decoder=[1 if residual else 2] * 3,
        conv_bias=True,
        norm_op=norm,
        norm_op_kwargs={"eps": 1e-5, "affine": True},
        nonlin=nn.LeakyReLU,
        nonlin_kwargs={"inplace": True},
        deep_supervision=True,
    )


def ours(kernels, strides, residual):
    stages = Stages(CHANNELS, kernels, strides, BLOCKS, 1 if residual else 2)
    block = ResidualBlock if residual else PlainBlock
    return build_nnunet(2, 3, Transposed, Concat, stages, block, stem=residual, deep_supervision=True)


def leaves(*modules):
    """Modules with parameters of their own, in the order in which they are used, each once."""
    found = dict.fromkeys(leaf for module in modules for leaf in module.modules() if list(leaf.parameters(False)))
    return list(found)


@torch.no_grad()
def randomise(network):
    for parameter in network.parameters():
        parameter.add_(0.2 * torch.randn_like(parameter))


@torch.no_grad()
def copy_weights(theirs, ours):
    """Their decoder's lists begin at the coarsest level; where it concatenates, theirs has the up-sampled map first."""
    encoder = [getattr(theirs.encoder, "stem", None), *theirs.encoder.stages]
    pairs = [([part for part in encoder if part is not None], [ours.encoder])]
    own = (ours.decoder.ups, ours.decoder.blocks, [ours.head, *ours.coarse_heads])
    their = (theirs.decoder.transpconvs, theirs.decoder.stages, theirs.decoder.seg_layers)
    pairs += [(reversed(a), b) for a, b in zip(their, own, strict=True)]
    for sources, targets in pairs:
        for source, target in zip(leaves(*sources), leaves(*targets), strict=True):
            target.load_state_dict(source.state_dict())
    for block, channels in zip(ours.decoder.blocks, CHANNELS, strict=False):
        weight = block[0][0].weight  # (out, up + skip, *kernel)
        weight.copy_(torch.cat([weight[:, channels:], weight[:, :channels]], dim=1))


@pytest.mark.parametrize("residual", [False, True], ids=["plain", "residual"])
@pytest.mark.parametrize("sizes", [PLANE, VOLUME], ids=["2d", "3d"])
def test_every_output_is_nnunets(sizes, residual):
    source, network = theirs(*sizes, residual), ours(*sizes, residual)
    randomise(source)
    copy_weights(source, network)
    assert sum(p.numel() for p in network.parameters()) == sum(p.numel() for p in source.parameters())
    image = torch.randn(2, 2, *(2 * n for n in network.geometry.multiples))
    with torch.inference_mode():
        for found, expected in zip(network.logits_by_level(image), source(image), strict=True):
            assert found.shape == expected.shape
            assert (found - expected).abs().max() < 1e-5 * expected.std()
