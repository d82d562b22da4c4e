"""Which sizes a network of the zoo takes, and how its tiles are put together."""

from dataclasses import dataclass
from typing import Any

from unet_lightning.prediction.predictor import Predictor
from unet_lightning.tiling.window import sides_of

USUAL, LARGEST = 256, 512  # sides of the example and of tiles, at most, where the network has a choice


@dataclass(frozen=True)
class Sides:
    """Sides of input and output, in pixels, of one axis: `smallest`, or any number of `step` more; 0 is none other.

    halo: what is to be cut off each end of the output.
    """

    smallest: int
    step: int
    halo: int

    @property
    def example(self) -> int:
        """The side of the test image: about 256 pixels, or what the network needs."""
        return self._up_to(USUAL)

    @property
    def largest(self) -> int:
        """The side of the largest tile that the README's program cuts: about 512 pixels, or what the network needs."""
        return self._up_to(LARGEST)

    @property
    def aligned(self) -> bool:
        """Whether the poolings of tiles side by side fall on those of one pass."""
        return self.step > 0 and (self.smallest - 2 * self.halo) % self.step == 0

    def size(self) -> int | dict[str, int]:
        """As the zoo's specification has it."""
        return {"min": self.smallest, "step": self.step} if self.step else self.smallest

    def describe(self) -> str:
        """In words."""
        taken = f"{self.smallest} + {self.step} n pixels" if self.step else f"{self.smallest} pixels, no other size"
        return f"{taken}, of which the outer {self.halo} at each end are context alone: cut them off the output"

    def _up_to(self, side: int) -> int:
        """The largest side that isn't larger than this one, or the smallest."""
        return self.smallest + (max(0, side - self.smallest) // self.step * self.step if self.step else 0)


def sides(predictor: Predictor) -> tuple[Sides, Sides]:
    """Of height and width.

    An exact network takes any number of steps, and its halo makes tiles equal to one pass over the image. One that
    sees its whole tile gets tiles of the size that `tile` says, of whose output the middle half of each axis counts.
    The output of a valid network is padded to the size of its input, and its margin is a halo: the zoo's library cuts
    no tiles for outputs that are smaller.
    """
    geometry = predictor.models[0].network.geometry
    if geometry.exact:
        halo = max(1, geometry.halo)  # the specification takes none of 0
        one = Sides(geometry.input_size(2 * (halo - geometry.margin) + 1), geometry.multiple, halo)
        return one, one
    wanted = sides_of(predictor.tile)
    taken = geometry.fit(wanted) if geometry.convolution == "same" else [geometry.input_size(side) for side in wanted]
    margin = geometry.margin
    height, width = (Sides(side, 0, margin + max(1, (side - 2 * margin) // 4)) for side in taken)
    return height, width


def axes(predictor: Predictor, output: bool) -> list[dict[str, Any]]:
    """The axes of the image, or of the probabilities, as the zoo's specification has them."""
    names = output_names(predictor) if output else channel_names(predictor.channels)
    found: list[dict[str, Any]] = [{"type": "batch"}, {"type": "channel", "id": "channel", "channel_names": names}]
    for name, one in zip("yx", sides(predictor), strict=True):
        axis: dict[str, Any] = {"type": "space", "id": name}
        if output:
            axis |= {"size": {"tensor_id": "image", "axis_id": name}, "halo": one.halo}
        else:
            axis |= {"size": one.size(), "concatenable": True}
        found.append(axis | _pixel(predictor))
    return found


def channel_names(channels: int) -> list[str]:
    """Of an image."""
    return {1: ["grey"], 3: ["red", "green", "blue"]}.get(channels, [f"channel {k + 1}" for k in range(channels)])


def output_names(predictor: Predictor) -> list[str]:
    """Of the probabilities: the classes, or of each class the interior and the rim of its objects."""
    background, *rest = predictor.classes
    if predictor.outputs == len(predictor.classes):
        return list(predictor.classes)
    return [background, *(f"{name} interior" for name in rest), *(f"{name} rim" for name in rest)]


def _pixel(predictor: Predictor) -> dict[str, Any]:
    """The size of a pixel, where training resampled to one."""
    data = predictor.models[0].identity["config"]["data"]
    if data.get("resample") is None:
        return {}
    unit = {"um": "micrometer", "mm": "millimeter"}[data.get("unit") or "um"]
    return {"unit": unit, "scale": float(data["resample"])}
