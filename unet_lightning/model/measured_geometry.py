"""The sizes and the reach of a network that can't say them, as they were measured or declared."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from unet_lightning.error import InputError, shown
from unet_lightning.tiling.grid import round_up

RANGES = {"multiple": (1, 2**12), "halo": (0, 2**14), "smallest": (1, 2**14), "features": (1, 2**16)}


@dataclass(frozen=True)
class MeasuredGeometry:
    """Sizes in pixels of the input, the same for both axes.

    multiple: sides the network takes, and shifts by which its output shifts as far. halo: context that an output needs
    to be exact. exact: false where an output depends on the whole tile, so that tiles overlap and are averaged; there
    is no halo then. smallest: the least side. features: values it holds at once for a pixel, at most.

    >>> MeasuredGeometry(32, 0, False, 64, 100).fit([100, 40])
    [128, 64]
    """

    multiple: int
    halo: int
    exact: bool
    smallest: int
    features: int
    convolution: Literal["same"] = "same"
    margin: int = 0

    @property
    def multiples(self) -> tuple[int, int]:
        """`multiple`, of each axis."""
        return self.multiple, self.multiple

    def output_size(self, size: int) -> int | None:
        """Side of the output for an input of this side; None where the network doesn't accept that size."""
        return size if size > 0 else None

    def input_size(self, output: int) -> int:
        """The smallest side that needs no padding and gives at least `output`."""
        return max(self.smallest, round_up(output, self.multiple))

    def fit(self, sides: Sequence[int]) -> list[int]:
        """The sides to which an image is padded."""
        return [self.input_size(side) for side in sides]

    def covering(self, sides: Sequence[int]) -> list[int]:
        """The smallest output that covers these sides."""
        return self.fit(sides)

    def to_dict(self) -> dict[str, Any]:
        """All values as a dictionary of numbers and text for a checkpoint."""
        return asdict(self) | {"multiples": list(self.multiples)}


def read_geometry(found: Any) -> MeasuredGeometry:
    """What `to_dict` wrote; InputError for anything else."""
    values = found if isinstance(found, Mapping) else {}
    for name, (low, high) in RANGES.items():
        value = values.get(name)
        if type(value) is not int or not low <= value <= high:
            raise InputError(f"geometry.{name}={shown(value)}: expected {low} to {high}")
    if type(values.get("exact")) is not bool:
        raise InputError(f"geometry.exact={shown(values.get('exact'))}: expected true or false")
    return MeasuredGeometry(exact=values["exact"], **{name: values[name] for name in RANGES})
