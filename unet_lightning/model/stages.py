"""The sizes of nnU-Net's networks: channels, kernels, strides and blocks of each stage."""

from dataclasses import dataclass
from math import prod
from typing import Annotated

from annotated_types import Ge, Le, Len

from unet_lightning.error import InputError
from unet_lightning.model.parts import Channels

MOST = 12  # stages
Kernel = Annotated[list[Annotated[int, Ge(1), Le(15)]], Len(2, 3)]
Stride = Annotated[list[Annotated[int, Ge(1), Le(8)]], Len(2, 3)]
Blocks = Annotated[int, Ge(1), Le(64)]


@dataclass(frozen=True)
class Stages:
    """From the finest stage to the coarsest; kernels and strides per axis, whose number is that of the images' axes.

    The stride of a stage is that of its first convolution, so that of the first stage is 1. blocks: of the encoder's
    stage. decoder_convolutions: of each stage of the decoder. A decoder's stage has the channels and the kernel of the
    encoder's stage of the same size. InputError for lists that don't fit each other.
    """

    channels: Annotated[list[Channels], Len(2, MOST)]
    kernels: Annotated[list[Kernel], Len(2, MOST)]
    strides: Annotated[list[Stride], Len(2, MOST)]
    blocks: Annotated[list[Blocks], Len(2, MOST)]
    decoder_convolutions: Blocks

    def __post_init__(self) -> None:
        lengths = {name: len(getattr(self, name)) for name in ("channels", "kernels", "strides", "blocks")}
        axes = {len(sizes) for sizes in (*self.kernels, *self.strides)}
        if len(set(lengths.values())) > 1:
            raise InputError(f"model.stages has {_listed(lengths)}; expected as many of each: one a stage")
        if len(axes) > 1:
            raise InputError("model.stages.kernels and .strides have 2 and 3 axes; expected as many as the images have")
        if any(size % 2 == 0 for kernel in self.kernels for size in kernel):
            raise InputError(f"model.stages.kernels={self.kernels}: expected odd sizes, which keep the sides")
        if prod(self.strides[0]) > 1:
            raise InputError(f"model.stages.strides={self.strides}: expected 1 on every axis of the first stage")

    @property
    def divisors(self) -> tuple[int, ...]:
        """By how much each axis is divided in all."""
        return tuple(prod(steps) for steps in zip(*self.strides, strict=True))


def _listed(lengths: dict[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in lengths.items())
