"""nnU-Net's networks: strided stages of plain or residual blocks, a plain decoder, a head on each of its stages.

Isensee et al., Nature Methods 2021, doi:10.1038/s41592-020-01008-z; the residual encoder: Isensee et al., MICCAI 2024,
doi:10.1007/978-3-031-72114-4_47.
"""

from collections.abc import Sequence
from typing import Annotated

from annotated_types import Ge, Le
from torch import nn

from unet_lightning.error import InputError
from unet_lightning.model.decoder import Decoder
from unet_lightning.model.initialise import initialise_leaky
from unet_lightning.model.layer import convolution, ones
from unet_lightning.model.parts import Channels, MakeBlock, MakeFusion, MakeUpsample
from unet_lightning.model.plain import PlainBlock
from unet_lightning.model.stages import Stages
from unet_lightning.model.strided_encoder import StridedEncoder
from unet_lightning.model.strided_geometry import StridedGeometry
from unet_lightning.model.unet import UNet


def build_nnunet(
    in_channels: Channels,
    classes: Annotated[int, Ge(1), Le(256)],
    upsample: MakeUpsample,
    fusion: MakeFusion,
    stages: Stages,
    block: MakeBlock,
    stem: bool,
    deep_supervision: bool,
) -> UNet:
    """Build a network of nnU-Net's for images of two axes, or of three where the kernels have three.

    upsample: function of (in, out channels, stride) that returns a module that multiplies the sides of a map by the
    stride. fusion: function of (skip, up channels) that returns a module that joins both. block: function of (in, out
    channels, kernel, stride) that returns a module of the encoder. stem: whether a convolution comes before the first
    stage. deep_supervision: whether each stage of the decoder has a head, which training uses.
    """
    channels, kernels, strides = stages.channels, stages.kernels, stages.strides
    levels = range(len(channels) - 1)
    ups = [upsample(channels[level + 1], channels[level], strides[level + 1]) for level in levels]
    if any(up.needs_indices for up in ups):
        raise InputError("upsample=unpool needs pooling indices, and this network has strides; set upsample=transposed")
    fusions = [fusion(channels[level], channels[level]) for level in levels]
    one = ones(kernels[0])
    blocks = [
        chain(PlainBlock, part.out_channels, channels[level], kernels[level], one, stages.decoder_convolutions)
        for level, part in enumerate(fusions)
    ]
    heads = [convolution(channels[level], classes, one, one) for level in (levels if deep_supervision else levels[:1])]
    encoder = StridedEncoder(encoder_stages(in_channels, stages, block, stem))
    decoder = Decoder(ups, fusions, blocks, trim=0)
    return UNet(encoder, decoder, heads[0], StridedGeometry(stages.divisors), heads[1:]).apply(initialise_leaky)


def encoder_stages(in_channels: int, stages: Stages, block: MakeBlock, stem: bool) -> list[nn.Module]:
    """The stages of the contracting path; the stem is part of the first."""
    first = PlainBlock(in_channels, stages.channels[0], stages.kernels[0], stages.strides[0]) if stem else None
    inputs = [stages.channels[0] if stem else in_channels, *stages.channels]
    sizes = zip(inputs, stages.channels, stages.kernels, stages.strides, stages.blocks, strict=False)
    found: list[nn.Module] = [chain(block, *size) for size in sizes]
    return [nn.Sequential(first, found[0]), *found[1:]] if first else found


def chain(
    block: MakeBlock, in_channels: int, out_channels: int, kernel: Sequence[int], stride: Sequence[int], number: int
) -> nn.Sequential:
    """So many blocks; the first one changes the channels, and strides."""
    rest = [block(out_channels, out_channels, kernel, ones(kernel)) for _ in range(number - 1)]
    return nn.Sequential(block(in_channels, out_channels, kernel, stride), *rest)
