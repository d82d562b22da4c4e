"""The U-Net of Ronneberger, Fischer and Brox (MICCAI 2015), with exchangeable parts.

doi:10.1007/978-3-319-24574-4_28
"""

from collections.abc import Sequence
from typing import Annotated

from annotated_types import Ge, Le
from torch import Tensor, nn
from torch.nn import functional as F

from unet_lightning.model.block import Norm, block
from unet_lightning.model.decoder import Decoder
from unet_lightning.model.encoder import Encoder
from unet_lightning.model.geometry import Convolution, Geometry
from unet_lightning.model.initialise import initialise
from unet_lightning.model.network import Network
from unet_lightning.model.parts import Channels, MakeFusion, MakeUpsample
from unet_lightning.model.strided_encoder import StridedEncoder
from unet_lightning.model.strided_geometry import StridedGeometry

Depth = Annotated[int, Ge(1), Le(8)]
Share = Annotated[float, Ge(0), Le(1)]


class UNet(Network):
    """Image (B, C, h, w) to logits (B, K, h - 2 margin, w - 2 margin), float; (B, C, d, h, w) likewise.

    Encoder, decoder and heads are built by `build_unet` and `build_nnunet`; `geometry` holds the margin and the
    accepted input sizes. coarse_heads: for deep supervision, heads of the decoder's levels below the finest.
    """

    def __init__(
        self,
        encoder: Encoder | StridedEncoder,
        decoder: Decoder,
        head: nn.Module,
        geometry: Geometry | StridedGeometry,
        coarse_heads: Sequence[nn.Module] = (),
    ) -> None:
        super().__init__()
        self.encoder, self.decoder, self.head, self.geometry = encoder, decoder, head, geometry
        self.coarse_heads = nn.ModuleList(coarse_heads)

    @property
    def features(self) -> int:
        """Channels of the finest maps."""
        return int(self.head.in_channels)  # type: ignore[arg-type]

    def forward(self, image: Tensor) -> Tensor:
        """Logits of images (B, C, h, w); InputError for a size that a valid network doesn't accept."""
        return self._crop(self.unpadded(self._pad(image)), image)

    def unpadded(self, image: Tensor) -> Tensor:
        """Logits of images whose sides the geometry takes as they are."""
        logits: Tensor = self.head(self.decoder(*self.encoder(image)))
        return logits

    def logits_by_level(self, image: Tensor) -> list[Tensor]:
        """What training compares with the mask: logits of `forward`, then of the coarse heads, from fine to coarse.

        With coarse heads the sides of the image must be multiples of `geometry.multiples`.
        """
        if not self.coarse_heads:
            return [self.forward(image)]
        heads = [self.head, *self.coarse_heads]
        return [head(features) for head, features in zip(heads, self.decoder.levels(*self.encoder(image)), strict=True)]

    def interior(self, image: Tensor) -> Tensor:
        """Logits (B, K, h - 2 halo, w - 2 halo) of images (B, C, h, w): only those independent of pixels outside.

        With same convolution h and w must be multiples of `geometry.multiple`; the decoder, which does most of the
        work, skips the halo.
        """
        sizes = self.geometry.interior_sizes(image.shape[2:])
        if sizes is None:
            return self.forward(image)
        logits: Tensor = self.head(self.decoder(*self.encoder(image), sizes))
        return logits

    def _pad(self, image: Tensor) -> Tensor:
        """Repeat the last pixels up to sides the network takes; InputError where a valid one would need other sides."""
        sides = image.shape[2:]
        pads = [fitted - side for fitted, side in zip(self.geometry.fit(sides), sides, strict=True)]
        ends = [n for pad in reversed(pads) for n in (0, pad)]  # before and after the last axis, then the one before it
        return F.pad(image, ends, mode="replicate") if any(pads) else image

    def _crop(self, logits: Tensor, image: Tensor) -> Tensor:
        """Without what `_pad` added."""
        if self.geometry.convolution == "valid":
            return logits
        for axis, side in enumerate(image.shape[2:], start=2):
            logits = logits.narrow(axis, 0, side)
        return logits


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
    dropout: probability, at the end of the contracting path. upsample: function of (in, out channels, stride) that
    returns a module that multiplies the sides of a map by the stride. fusion: function of (skip, up channels) that
    returns a module that joins both.
    """
    channels = [min(max_channels, base_channels << level) for level in range(depth + 1)]
    padding = 1 if convolution == "same" else 0
    ups = [upsample(channels[level + 1], channels[level], (2, 2)) for level in range(depth)]
    fusions = [fusion(channels[level], channels[level]) for level in range(depth)]
    geometry = Geometry(depth, convolution, ups[0].reach, norm in ("none", "batch"))
    downs = [block(*pair, padding, norm) for pair in zip([in_channels, *channels], channels, strict=False)]
    blocks = [block(part.out_channels, channels[level], padding, norm) for level, part in enumerate(fusions)]
    encoder = Encoder(downs, dropout, ups[0].needs_indices)
    decoder = Decoder(ups, fusions, blocks, trim=0 if padding else geometry.reach)
    return UNet(encoder, decoder, nn.Conv2d(channels[0], classes, 1), geometry).apply(initialise)
