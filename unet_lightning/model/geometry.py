"""The receptive field and the permitted input sizes of a U-Net, from its depth, convolution and up-sampling alone."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from unet_lightning.error import InputError
from unet_lightning.tiling.grid import round_up

Convolution = Literal["valid", "same"]


@dataclass(frozen=True)
class Geometry:
    """Sizes in pixels of the input, the same for both axes.

    depth: number of 2x2 poolings. reach: width of the rim, in pixels of an up-sampled map, whose values depend on
    pixels beyond the map's edge (0 transposed, nearest, unpool; 1 bilinear; 3 bicubic). A valid network cuts this rim
    off after each up-sampling. exact: false with instance or group norm, whose statistics depend on the whole tile.

    >>> paper = Geometry(depth=4, convolution="valid")
    >>> paper.output_size(572), paper.margin
    (388, 92)
    """

    depth: int
    convolution: Convolution
    reach: int = 0
    exact: bool = True

    @property
    def multiple(self) -> int:
        """2^depth: if the input is shifted by a multiple of it, the output is the same, shifted as far."""
        return 1 << self.depth

    @property
    def multiples(self) -> tuple[int, int]:
        """`multiple`, of each axis."""
        return self.multiple, self.multiple

    @property
    def margin(self) -> int:
        """(input - output) / 2: 92 for the network of the 2015 paper, 0 for same convolution."""
        if self.convolution == "same":
            return 0
        size = self.input_size(1)
        output = self.output_size(size)
        assert output is not None
        return (size - output) // 2

    @property
    def halo(self) -> int:
        """Context an output needs on each side to be exact; with same convolution rounded up to `multiple`."""
        if self.convolution == "valid":
            return self.margin
        return round_up(self.context, self.multiple)

    @property
    def context(self) -> int:
        """Distance, in pixels, to the furthest input pixel left of an aligned block on which its outputs depend."""
        position = 0
        for _ in range(self.depth):  # up the decoder: two 3x3 convolutions, then an up-sampling, at each level
            position = (position - 2 - self.reach) // 2
        position -= 2  # the bottom's two convolutions
        for _ in range(self.depth):  # down the encoder: a pooling, then two convolutions
            position = 2 * position - 2
        return -position

    @property
    def rims(self) -> tuple[int, ...]:
        """How far beyond the output the decoder's features are needed, in pixels of each level from fine to coarse."""
        rims = [0]
        for _ in range(self.depth):  # a block of two 3x3 convolutions, fed by an up-sampling
            rims.append(-(-(rims[-1] + 2 + self.reach) // 2))
        return tuple(rims)

    def output_size(self, size: int) -> int | None:
        """Side of the output for an input of this side; None where the network doesn't accept that size."""
        if self.convolution == "same":
            return size if size > 0 else None
        for _ in range(self.depth):
            size -= 4
            if size <= 0 or size % 2:
                return None
            size //= 2
        size -= 4
        for _ in range(self.depth):
            if size <= 0:
                return None
            size = 2 * (size - self.reach) - 4
        return size if size > 0 else None

    def input_size(self, output: int) -> int:
        """The smallest accepted input side whose output is at least `output`."""
        if self.convolution == "same":
            return round_up(output, self.multiple)
        size = output
        while (self.output_size(size) or 0) < output:
            size += 1
        return size

    def fit(self, sides: Sequence[int]) -> list[int]:
        """The sides to which an image is padded; InputError where a valid network has an odd side before a pooling."""
        if self.convolution == "same":
            return [self.input_size(side) for side in sides]
        for side in sides:
            if self.output_size(side) is None:
                sizes = " or ".join(str(size) for size in self.nearest_sizes(side))
                raise InputError(
                    f"an input of {'x'.join(map(str, sides))} pixels has an odd side before one of the poolings; this "
                    f"valid network takes {sizes} near {side}: use such a size, or set model.convolution=same"
                )
        return list(sides)

    def covering(self, sides: Sequence[int]) -> list[int]:
        """The smallest output that covers these sides."""
        found = [self.output_size(self.input_size(side)) for side in sides]
        return [size for size in found if size is not None]

    def interior_sizes(self, sides: Sequence[int]) -> list[list[int]] | None:
        """At each level, from fine to coarse, the central part of an input without whose halo its outputs are exact.

        sides: of the input, multiples of `multiple`. None with valid convolution, which leaves the halo out anyway.
        """
        if self.convolution == "valid":
            return None
        outputs = [side - 2 * self.halo for side in sides]
        return [[(side >> level) + 2 * rim for side in outputs] for level, rim in enumerate(self.rims)]

    def nearest_sizes(self, size: int) -> list[int]:
        """The accepted sides just below and above `size`; only the smallest accepted one where `size` is below it."""
        smallest = self.input_size(1)
        below = smallest + (size - smallest) // self.multiple * self.multiple
        return [below, below + self.multiple] if size > smallest else [smallest]

    def to_dict(self) -> dict[str, Any]:
        """All values, the computed ones included, as a dictionary of numbers and text for a checkpoint or an export."""
        return asdict(self) | {"margin": self.margin, "halo": self.halo, "multiple": self.multiple}
