"""The permitted input sizes of a network of strided convolutions and instance norm."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import lcm
from typing import Any, Literal

from unet_lightning.tiling.grid import round_up


@dataclass(frozen=True)
class StridedGeometry:
    """Sizes in pixels of the input, for each axis by its own multiple.

    multiples: product of the strides, per axis. Instance norm makes every output depend on the whole tile, so that no
    context is enough to be exact: there is no halo; tiles of the size of a training crop overlap by half and are
    averaged, as in nnU-Net. An image is padded to two multiples at least: the norm of a single pixel is undefined.

    >>> StridedGeometry((32, 16)).fit([100, 100])
    [128, 112]
    """

    multiples: tuple[int, ...]
    convolution: Literal["same"] = "same"
    exact: bool = False
    margin: int = 0
    halo: int = 0

    @property
    def multiple(self) -> int:
        """Of all axes together."""
        return lcm(*self.multiples)

    def output_size(self, size: int) -> int | None:
        """Side of the output for an input of this side; None where the network doesn't accept that size."""
        return size if size > 0 else None

    def input_size(self, output: int) -> int:
        """The smallest side, of any axis, that needs no padding and gives at least `output`."""
        return max(2 * self.multiple, round_up(output, self.multiple))

    def fit(self, sides: Sequence[int]) -> list[int]:
        """The sides to which an image is padded."""
        return [max(2 * n, round_up(side, n)) for side, n in zip(sides, self.multiples, strict=True)]

    def covering(self, sides: Sequence[int]) -> list[int]:
        """The smallest output that covers these sides."""
        return self.fit(sides)

    def interior_sizes(self, sides: Sequence[int]) -> None:
        """None: there is no halo to leave out."""

    def to_dict(self) -> dict[str, Any]:
        """All values as a dictionary of numbers, lists and text for a checkpoint."""
        return vars(self) | {"multiples": list(self.multiples), "multiple": self.multiple}
