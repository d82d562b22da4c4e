"""The U-Net of Ronneberger, Fischer and Brox (MICCAI 2015), its parts exchangeable."""

from collections.abc import Callable, Sequence
from math import sqrt
from typing import Annotated

import torch
from annotated_types import Ge, Le
from torch import Tensor, nn
from torch.nn import functional as F

from unet_lightning.error import InputError
from unet_lightning.model.block import Norm, block
from unet_lightning.model.geometry import Convolution, Geometry

Positive = Annotated[int, Ge(1)]
Depth = Annotated[int, Ge(1), Le(8)]
Share = Annotated[float, Ge(0), Le(1)]
Part = Callable[[int, int], nn.Module]


class UNet(nn.Module):
    """Image (B, C, h, w) to logits (B, K, h - 2 margin, w - 2 margin), float.

    depth: number of poolings; the channels double at each, from `base_channels` up to `max_channels`.
    convolution: `same` pads with zeros and takes any size, `valid` pads nothing and takes the sizes of `geometry`.
    dropout: at the end of the contracting path. upsample: (in, out channels) to a module that doubles a map.
    fusion: (skip, up channels) to a module that joins both and states its `out_channels`.
    """

    def __init__(
        self,
        in_channels: Positive,
        classes: Positive,
        upsample: Part,
        fusion: Part,
        depth: Depth,
        base_channels: Positive,
        max_channels: Positive,
        convolution: Convolution,
        norm: Norm,
        dropout: Share,
    ) -> None:
        super().__init__()
        channels = [min(max_channels, base_channels << level) for level in range(depth + 1)]
        padding = 1 if convolution == "same" else 0
        ups = [upsample(channels[level + 1], channels[level]) for level in range(depth)]
        fusions = [fusion(channels[level], channels[level]) for level in range(depth)]
        self.geometry = Geometry(depth, convolution, ups[0].reach, norm in ("none", "batch"))  # type: ignore[arg-type]
        downs = [block(*pair, padding, norm) for pair in zip([in_channels, *channels], channels, strict=False)]
        self.encoder = Encoder(downs, dropout, ups[0].needs_indices)  # type: ignore[arg-type]
        blocks = [block(f.out_channels, channels[i], padding, norm) for i, f in enumerate(fusions)]  # type: ignore[arg-type]
        self.decoder = Decoder(ups, fusions, blocks, trim=0 if padding else self.geometry.reach)
        self.head = nn.Conv2d(channels[0], classes, 1)
        self.apply(initialise)

    def forward(self, image: Tensor) -> Tensor:
        """Logits of an image; InputError for a size a valid network can't take."""
        features, skips, indices = self.encoder(self._fit(image))
        logits: Tensor = self.head(self.decoder(features, skips, indices))
        if self.geometry.convolution == "same":
            logits = logits[..., : image.shape[-2], : image.shape[-1]]
        return logits

    def interior(self, image: Tensor) -> Tensor:
        """Logits (B, K, h - 2 halo, w - 2 halo): those an image's surroundings can't change, and nothing else computed.

        Same networks: sides of `geometry.multiple`. Their decoder, most of the work, leaves the halo out.
        """
        geometry = self.geometry
        if geometry.convolution == "valid":
            return self.forward(image)
        height, width = (side - 2 * geometry.halo for side in image.shape[-2:])
        sizes = [((height >> k) + 2 * rim, (width >> k) + 2 * rim) for k, rim in enumerate(geometry.rims)]
        logits: Tensor = self.head(self.decoder(*self.encoder(image), sizes))
        return logits

    def _fit(self, image: Tensor) -> Tensor:
        """Same: pad right and bottom to whole poolings. Valid: refuse what would pool an odd side."""
        height, width = image.shape[-2:]
        if self.geometry.convolution == "same":
            bottom, right = -height % self.geometry.multiple, -width % self.geometry.multiple
            return F.pad(image, (0, right, 0, bottom), mode="replicate") if bottom or right else image
        for side in (height, width):
            if self.geometry.output_size(side) is None:
                sizes = " or ".join(str(size) for size in self.geometry.nearest_sizes(side))
                raise InputError(
                    f"an input of {height}x{width} would be pooled at an odd side; this valid network takes {sizes} "
                    f"near {side}, or set model.convolution=same"
                )
        return image


class Encoder(nn.Module):
    """The contracting path: blocks with 2x2 max pooling between them."""

    def __init__(self, blocks: Sequence[nn.Module], dropout: float, needs_indices: bool) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.dropout = nn.Dropout(dropout)
        self.needs_indices = needs_indices

    def forward(self, image: Tensor) -> tuple[Tensor, list[Tensor], list[Tensor | None]]:
        """The bottom's features, and from fine to coarse each level's features and pooling indices (or None)."""
        features, skips, indices = image, [], []
        for down in self.blocks[:-1]:
            skips.append(down(features))
            features, where = self._pool(skips[-1])
            indices.append(where)
        return self.dropout(self.blocks[-1](features)), skips, indices

    def _pool(self, features: Tensor) -> tuple[Tensor, Tensor | None]:
        if self.needs_indices:
            pooled, where = F.max_pool2d(features, 2, return_indices=True)
            return pooled, where
        return F.max_pool2d(features, 2), None


class Decoder(nn.Module):
    """The expansive path: up-sampling, fusion with the centre of the skip, block."""

    def __init__(
        self, ups: Sequence[nn.Module], fusions: Sequence[nn.Module], blocks: Sequence[nn.Module], trim: int
    ) -> None:
        super().__init__()
        self.ups, self.fusions, self.blocks = nn.ModuleList(ups), nn.ModuleList(fusions), nn.ModuleList(blocks)
        self.trim = trim

    def forward(
        self,
        features: Tensor,
        skips: Sequence[Tensor],
        indices: Sequence[Tensor | None],
        sizes: Sequence[tuple[int, int]] | None = None,
    ) -> Tensor:
        """Features of the bottom and the skips to features at the finest level.

        sizes: of each level from fine to coarse the middle (height, width) of the features that is wanted.
        """
        for level in reversed(range(len(self.blocks))):
            features = centre(features, *sizes[level + 1]) if sizes else features
            features = self.ups[level](features, indices[level])
            height, width = (side - 2 * self.trim for side in features.shape[-2:])
            features = centre(features, height, width)
            features = self.fusions[level](centre(skips[level], height, width), features)
            features = self.blocks[level](features)
        return centre(features, *sizes[0]) if sizes else features


def centre(features: Tensor, height: int, width: int) -> Tensor:
    """The middle (height, width) of a map whose sides exceed them by even numbers."""
    top, left = (features.shape[-2] - height) // 2, (features.shape[-1] - width) // 2
    return features.narrow(-2, top, height).narrow(-1, left, width)


@torch.no_grad()
def initialise(module: nn.Module) -> None:
    """He initialisation: normal with standard deviation sqrt(2 / N), N the number of inputs of one output."""
    if isinstance(module, nn.Conv2d):
        inputs = module.in_channels * module.kernel_size[0] * module.kernel_size[1]
    elif isinstance(module, nn.ConvTranspose2d):
        inputs = module.in_channels  # kernel 2, stride 2: every output has one tap
    else:
        return
    nn.init.normal_(module.weight, std=sqrt(2 / inputs))
    if module.bias is not None:
        nn.init.zeros_(module.bias)
