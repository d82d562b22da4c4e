"""The U-Net of Ronneberger, Fischer and Brox (MICCAI 2015), with exchangeable parts.

doi:10.1007/978-3-319-24574-4_28
"""

from math import sqrt
from typing import Annotated

import torch
from annotated_types import Ge, Le
from torch import Tensor, nn
from torch.nn import functional as F

from unet_lightning.error import InputError
from unet_lightning.model.block import Norm, block
from unet_lightning.model.decoder import Decoder
from unet_lightning.model.encoder import Encoder
from unet_lightning.model.geometry import Convolution, Geometry
from unet_lightning.model.parts import MakeFusion, MakeUpsample

Channels = Annotated[int, Ge(1), Le(2**13)]
Depth = Annotated[int, Ge(1), Le(8)]
Share = Annotated[float, Ge(0), Le(1)]


class UNet(nn.Module):
    """Image (B, C, h, w) to logits (B, K, h - 2 margin, w - 2 margin), float.

    Encoder, decoder and head are built by `build_unet`; `geometry` holds the margin and the accepted input sizes.
    """

    def __init__(self, encoder: Encoder, decoder: Decoder, head: nn.Conv2d, geometry: Geometry) -> None:
        super().__init__()
        self.encoder, self.decoder, self.head, self.geometry = encoder, decoder, head, geometry
        self.apply(initialise)

    def forward(self, image: Tensor) -> Tensor:
        """Logits of images (B, C, h, w); InputError for a size that a valid network doesn't accept."""
        features, skips, indices = self.encoder(self._fit(image))
        logits: Tensor = self.head(self.decoder(features, skips, indices))
        if self.geometry.convolution == "same":
            logits = logits[..., : image.shape[-2], : image.shape[-1]]
        return logits

    def interior(self, image: Tensor) -> Tensor:
        """Logits (B, K, h - 2 halo, w - 2 halo) of images (B, C, h, w): only those independent of pixels outside.

        With same convolution h and w must be multiples of `geometry.multiple`; the decoder, which does most of the
        work, skips the halo.
        """
        geometry = self.geometry
        if geometry.convolution == "valid":
            return self.forward(image)
        height, width = (side - 2 * geometry.halo for side in image.shape[-2:])  # of the output
        sizes = [((height >> k) + 2 * rim, (width >> k) + 2 * rim) for k, rim in enumerate(geometry.rims)]
        logits: Tensor = self.head(self.decoder(*self.encoder(image), sizes))
        return logits

    def _fit(self, image: Tensor) -> Tensor:
        """Same: pad right and bottom to a multiple of 2^depth. Valid: InputError where a pooling gets an odd side."""
        height, width = image.shape[-2:]
        if self.geometry.convolution == "same":
            bottom, right = -height % self.geometry.multiple, -width % self.geometry.multiple
            return F.pad(image, (0, right, 0, bottom), mode="replicate") if bottom or right else image
        for side in (height, width):
            if self.geometry.output_size(side) is None:
                sizes = " or ".join(str(size) for size in self.geometry.nearest_sizes(side))
                raise InputError(
                    f"an input of {height}x{width} pixels has an odd side before one of the poolings; this valid "
                    f"network takes {sizes} near {side}: use such a size, or set model.convolution=same"
                )
        return image


def build_unet(
    in_channels: Channels,
    classes: Annotated[int, Ge(1), Le(256)],
    upsample: MakeUpsample,
    fusion: MakeFusion,
    depth: Depth,
    base_channels: Channels,
    max_channels: Channels,
    convolution: Convolution,
    norm: Norm,
    dropout: Share,
) -> UNet:
    """Build a U-Net; all channel numbers are computed here.

    depth: number of poolings; the channels double at each, from `base_channels` up to `max_channels`.
    convolution: `same` pads with zeros and takes any size, `valid` pads nothing and takes the sizes of `geometry`.
    dropout: probability, at the end of the contracting path. upsample: function of (in, out channels) that returns a
    module that doubles the sides of a map. fusion: function of (skip, up channels) that returns a module that joins
    both.
    """
    channels = [min(max_channels, base_channels << level) for level in range(depth + 1)]
    padding = 1 if convolution == "same" else 0
    ups = [upsample(channels[level + 1], channels[level]) for level in range(depth)]
    fusions = [fusion(channels[level], channels[level]) for level in range(depth)]
    geometry = Geometry(depth, convolution, ups[0].reach, norm in ("none", "batch"))
    downs = [block(*pair, padding, norm) for pair in zip([in_channels, *channels], channels, strict=False)]
    blocks = [block(part.out_channels, channels[level], padding, norm) for level, part in enumerate(fusions)]
    encoder = Encoder(downs, dropout, ups[0].needs_indices)
    decoder = Decoder(ups, fusions, blocks, trim=0 if padding else geometry.reach)
    return UNet(encoder, decoder, nn.Conv2d(channels[0], classes, 1), geometry)


@torch.no_grad()
def initialise(module: nn.Module) -> None:
    """He initialisation: normal with standard deviation sqrt(2 / N), N the number of inputs of one output.

    He et al., ICCV 2015, doi:10.1109/ICCV.2015.123. Biases are 0.
    """
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
